"""Refusals of chat servers: they stop the run, change its requests, or cost a document.

The bodies are those of real servers, in short.
"""

import json
import logging
from email.utils import formatdate

import pytest
from chatting import KEY, PAIR, replies, status, write

from papertune.errors import GeneratorError
from papertune.pairfile import read_pairs
from papertune.records import Rejection, read_records

PAGE = "<html><head><title>Sign in</title></head><body>Please <b>sign in</b></body></html>"


def error(with_status, message, kind="invalid_request_error", **more):
    return with_status, {}, {"error": {"message": message, "type": kind, **more}}


def ok(content="", end="stop", **message):
    choice = {"index": 0, "message": {"content": content, **message}, "finish_reason": end}
    return 200, {}, {"choices": [choice]}


STOPS = {
    "DeepSeek 402": (error(402, "Insufficient Balance", "unknown_error"), "credit"),
    "OpenRouter 402": (error(402, "This request requires more credits, or fewer max_tokens"), "credit"),
    "OpenRouter 403": (error(403, "Key limit exceeded (total limit)"), "credit"),
    "OpenAI quota": (
        error(429, "You exceeded your current quota, please check your plan and billing details.",
              "insufficient_quota", code="insufficient_quota"), "credit"),
    "xAI": ((429, {}, {"code": "exhausted", "error": "Your team has used all available credits"}), "credit"),
    "Anthropic 400": (error(400, "Your credit balance is too low to access the Anthropic API."), "credit"),
    "OpenRouter, a day's": (
        error(429, "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000"), "credit"),
    "Alibaba": (error(400, "Access denied, make sure your account is in good standing", code="Arrearage"),
                "credit"),
    "200 with 402": ((200, {}, {"error": {"message": "Insufficient credits", "code": 402}}), "credit"),
    "Zhipu": ((429, {}, {"error": {"code": "1113", "message": "您的账户已欠费，请充值后重试"}}), "credit"),
    "Zhipu 200": ((200, {}, {"code": 1113, "msg": "余额不足", "success": False}), "credit"),
    "Alibaba's free share": (error(429, "Free allocated quota exceeded."), "credit"),
    "not verified": (error(400, "Your organization must be verified to use the model tiny."), "account"),
    "Groq's most": (error(400, "`max_tokens` must be less than or equal to `256`, the maximum value for "
                          "`max_tokens` is less than the `context_window`"), "max_new_tokens"),
    "suspended": (error(403, "Your account has been suspended, content policy"), "account"),
    "region": (error(403, "Country, region, or territory not supported"), "account"),
    "OpenAI 401": (error(401, f"Incorrect API key: {KEY}", code="invalid_api_key"), "OPENAI_API_KEY"),
    "Gemini 400": ((400, {}, [{"error": {"code": 400, "message": "API key not valid."}}]), "OPENAI_API_KEY"),
    "a wall": ((403, {"Server": "cloudflare"}, PAGE), "sign in"),
    "LM Studio": (error(400, "No models loaded. Please load a model in"), "load the model"),
    "Ollama": (error(404, 'model "tiny" not found, try pulling it first', "api_error"), "load the model"),
    "vLLM": ((404, {}, {"message": "The model `tiny` does not exist.", "code": 404}), "load"),
    "Groq": (error(400, "The model `tiny` has been decommissioned", code="model_decommissioned"), "load"),
    "Mistral": ((400, {}, {"object": "error", "message": "Invalid model: tiny", "code": "1500"}), "load"),
    "OpenRouter 404": (error(404, "No endpoints found for tiny."), "load"),
    "Azure": (error(404, "The API deployment does not exist.", code="DeploymentNotFound"), "load"),
    "no chat model": (error(400, '"nomic" does not support chat'), "loaded for chat"),
    "no template": (error(400, "default chat template is no longer allowed"), "loaded for chat"),
    "memory": (error(500, "model requires more system memory (5.6 GiB) than is available"), "more memory"),
    "too much": (error(400, "max_tokens is too large: 512. The model supports at most 256 completion tokens"),
                 "max_new_tokens"),
    "a page": ((200, {}, PAGE), "/v1"),
    "away": ((301, {"Location": "/"}, ""), "/v1"),
    "a day's rest": (status(429, "slow down", Retry_After="86400"), "wait"),
    "until tomorrow": (status(503, "closed", Retry_After=formatdate(4e9, usegmt=True)), "wait"),
}  # fmt: skip


@pytest.mark.parametrize("case", STOPS)
def test_where_nothing_can_go_well_the_run_stops_at_once(server, case):
    reply, told = STOPS[case]
    refused = []
    server.faults[""] = [lambda _: None] * 4 + [lambda _: refused.append(1) or reply] * 99
    found = []
    with pytest.raises(GeneratorError) as stopped:
        for batch in replies(server.url, 60, concurrency=2):
            found += batch
    said = str(stopped.value)
    assert told in said and "same command again for the rest" in said
    assert server.url in said and "'tiny'" in said and KEY not in said
    assert len(refused) <= 2 and len(server.bodies) <= 6
    assert len(found) == 4 and not any(one.error for one in found)


def test_the_servers_words_are_shown_without_what_a_terminal_obeys(server):
    server.faults[""] = [error(402, "Insufficient\n\x1b[2J Balance " + "x" * 9000)]
    with pytest.raises(GeneratorError) as stopped:
        write(server.url, 1)
    said = str(stopped.value)
    assert "HTTP 402: Insufficient \\x1b[2J Balance xxx" in said and len(said) < 900


DOCUMENTS = {
    "OpenAI": error(400, "This model's maximum context length is 8192 tokens. However, your messages "
                    "resulted in 9000 tokens.", code="context_length_exceeded", param="messages"),
    "vLLM": error(400, "'max_tokens' or 'max_completion_tokens' is too large: 512. This model's maximum "
                  "context length is 600 tokens and your request has 580 input tokens"),
    "vLLM, older": error(400, "max_tokens must be at least 1, got -14."),
    "llama.cpp": error(400, "the request exceeds the available context size (4096 tokens), try"),
    "LM Studio": error(400, "The number of tokens to keep from the initial prompt is greater than"),
    "TGI": (422, {}, {"error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. "
                      "Given: 5000 `inputs` tokens", "error_type": "validation"}),
    "Mistral": (400, {}, {"message": "Prompt contains 40000 tokens, too large for model with 32768 maximum "
                          "context length", "type": "invalid_request_prompt"}),
    "Anthropic": error(400, "prompt is too long: 210000 tokens > 200000 maximum"),
    "Groq 413": error(413, "Request too large for model `tiny` on tokens per minute (TPM)"),
    "OpenAI 429": error(429, "Request too large for tiny on tokens per min (TPM): Limit 9, Requested 12."),
    "through a gateway": (200, {}, {"error": {"message": "Provider returned error", "code": 400, "metadata": {
        "raw": '{"error":{"message":"context length exceeded"}}'}}}),
    "Azure's filter": error(400, "The response was filtered due to the prompt triggering Azure OpenAI's "
                            "content management policy.", code="content_filter"),
    "OpenRouter's moderation": error(403, "Your input was flagged", code=403),
    "DeepSeek's": error(400, "Content Exists Risk"),
    "unknown": error(400, "Something about this one"),
    "filtered answer": ok("Half an", "content_filter"),
    "Gemini's filter": ok(None, "content_filter: PROHIBITED_CONTENT"),
    "Vertex' filter": ok(None, "SAFETY"),
    "all thought": ok(None, "length", reasoning_content="Let me think"),
    "all thought, in the text": ok("<think>Let me think. Q: a? A: b", "length"),
}  # fmt: skip


@pytest.mark.parametrize("case", DOCUMENTS)
def test_where_one_document_is_the_cause_the_others_go_on(server, case):
    server.faults["paper 3"] = [DOCUMENTS[case]] * 9
    found = write(server.url, 8)
    assert [number for number, one in found.items() if one.error] == [3]
    assert not found[3].lasting and not found[3].text and len(server.bodies) == 8
    told = DOCUMENTS[case][2].get("error", DOCUMENTS[case][2])
    words = told if isinstance(told, str) else told.get("message") or ""
    assert words[:40] in found[3].error and (words or "max_new_tokens (512)" in found[3].error
                                             or "content filter" in found[3].error)  # fmt: skip


def extra(name):
    return 422, {}, {"detail": [{"type": "extra_forbidden", "loc": ["body", name],
                                 "msg": "Extra inputs are not permitted", "input": 1}]}  # fmt: skip


# what the server does not take, how it says so, and what is sent in the end beside model and messages
PLAIN = {"temperature": 0.0, "top_p": 1.0, "max_tokens": 512, "seed": 1}
ADAPTED = {
    "OpenAI": (
        "max_tokens",
        error(400, "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
              "'max_completion_tokens' instead.", param="max_tokens", code="unsupported_parameter"),
        {"temperature": 0.0, "top_p": 1.0, "max_completion_tokens": 512, "seed": 1}),
    "reasoning": (
        "temperature",
        error(400, "Unsupported value: 'temperature' does not support 0 with this model. Only the default "
              "(1) value is supported.", param="temperature", code="unsupported_value"),
        {"top_p": 1.0, "max_tokens": 512, "seed": 1}),
    "Anthropic, old": ("temperature", error(400, "`temperature` is deprecated for this model."),
                       {"top_p": 1.0, "max_tokens": 512, "seed": 1}),
    "Anthropic": ("top_p", error(400, "`temperature` and `top_p` cannot both be specified for this model."),
                  {"temperature": 0.0, "max_tokens": 512, "seed": 1}),
    "FastAPI": ("seed", extra("seed"), {"temperature": 0.0, "top_p": 1.0, "max_tokens": 512}),
    "Mistral": ("seed", (422, {}, {"object": "error", "message": extra("seed")[2]}),
                {"temperature": 0.0, "top_p": 1.0, "max_tokens": 512}),
    "Azure": ("seed", error(400, "Unrecognized request argument supplied: seed"),
              {"temperature": 0.0, "top_p": 1.0, "max_tokens": 512}),
    "Gemini": ("seed", (400, {}, [{"error": {"message": 'Invalid JSON payload received. Unknown name "seed": '
                                             "Cannot find field."}}]),
               {"temperature": 0.0, "top_p": 1.0, "max_tokens": 512}),
    "serde": ("seed", (422, {}, "unknown field `seed`, expected one of `messages`, `max_tokens`, `top_p`"),
              {"temperature": 0.0, "top_p": 1.0, "max_tokens": 512}),
    "a proxy": ("max_tokens", error(400, "Please use max_completion_tokens instead of max_tokens"),
                {"temperature": 0.0, "top_p": 1.0, "max_completion_tokens": 512, "seed": 1}),
    "TGI, older": ("temperature", (422, {}, {"error": "`temperature` has to be a strictly positive float"}),
                   {"top_p": 1.0, "max_tokens": 512, "seed": 1}),
    "TGI": ("top_p", (422, {}, {"error": "Input validation error: `top_p` must be > 0.0 and < 1.0"}),
            {"temperature": 0.0, "max_tokens": 512, "seed": 1}),
    "pydantic 1": ("seed", (422, {}, {"detail": [{"loc": ["body", "seed"], "type": "value_error.extra",
                                                  "msg": "extra fields not permitted"}]}),
                   {"temperature": 0.0, "top_p": 1.0, "max_tokens": 512}),
    "Vertex": ("seed", error(400, "Invalid value at 'generation_config.seed' (TYPE_INT32), 99999999999"),
               {"temperature": 0.0, "top_p": 1.0, "max_tokens": 512}),
    "Zhipu": ("top_p", error(400, "top_p参数非法", code="1210"),
              {"temperature": 0.0, "max_tokens": 512, "seed": 1}),
    "Hugging Face": ("seed", (400, {}, {"error": "The following `model_kwargs` are not used by the model: "
                                                 "['seed'] (note: typos will also show up)"}),
                     {"temperature": 0.0, "top_p": 1.0, "max_tokens": 512}),
    "another spelling": (
        "max_tokens", error(400, "this model is not supported MaxTokens, please use MaxCompletionTokens"),
        {"temperature": 0.0, "top_p": 1.0, "max_completion_tokens": 512, "seed": 1}),
    "500": ("seed", error(500, "generate() got an unexpected keyword argument 'seed'"),
            {"temperature": 0.0, "top_p": 1.0, "max_tokens": 512}),
    "501": ("seed", error(501, "seed is not implemented"),
            {"temperature": 0.0, "top_p": 1.0, "max_tokens": 512}),
    "200": ("seed", (200, {}, {"error": "Unsupported parameter: seed"}),
            {"temperature": 0.0, "top_p": 1.0, "max_tokens": 512}),
    "403": ("seed", error(403, "seed is not supported", code="unsupported_parameter"),
            {"temperature": 0.0, "top_p": 1.0, "max_tokens": 512}),
}  # fmt: skip


def sent(body):
    return {name: value for name, value in body.items() if name not in ("model", "messages")}


@pytest.mark.parametrize("case", ADAPTED)
def test_a_parameter_that_is_not_taken_is_renamed_or_left_out_for_the_run(server, case, caplog):
    name, reply, left = ADAPTED[case]
    server.faults[""] = [
        lambda handler: reply if name in json.loads(handler.asked.body) else None
    ] * 99
    found = write(server.url, 9, concurrency=3)
    assert not any(one.error for one in found.values())
    refused = [body for body in server.bodies if name in body]
    assert len(refused) <= 3 and len(server.bodies) == 9 + len(refused)
    assert all(sent(body) == (PLAIN if name in body else left) for body in server.bodies)
    assert all(one.sent == left for one in found.values())
    assert len([one for one in caplog.records if "does not accept" in one.message]) == 1


def test_several_parameters_and_a_stream_are_adapted_to(server):
    def fault(handler):
        body = json.loads(handler.asked.body)
        if "max_tokens" in body:
            return ADAPTED["OpenAI"][1]
        if "max_completion_tokens" in body:
            return error(400, "Unknown parameter: max_completion_tokens")
        if "seed" in body:
            return extra("seed")
        return None if body.get("stream") is False else (200, {}, 'data: {"choices": []}\n\n')

    server.faults[""] = [fault] * 99
    found = write(server.url, 5, concurrency=1)
    assert not any(one.error for one in found.values()) and len(server.bodies) == 5 + 4
    assert sent(server.bodies[-1]) == {"temperature": 0.0, "top_p": 1.0, "stream": False}


@pytest.mark.parametrize(
    "fault",
    [
        (200, {}, {"error": {"message": "Provider returned error: upstream rate limit", "code": 429}}),
        (200, {}, {"error": {"message": "upstream is down"}}),
        (200, {}, {"choices": [{"error": {"code": 502, "message": "x"}, "message": {"content": "a"}}]}),
        (200, {}, {"choices": []}),
        error(429, "Quota exceeded. You exceeded your current quota; limit: 10. Please retry in 0.1s."),
        (429, {}, [{"error": {"message": "You exceeded your current quota.", "details": [
            {"violations": [{"quotaId": "GenerateRequestsPerMinutePerProject"}]}, {"retryDelay": "2s"}]}}]),
        error(503, "Loading model", "unavailable_error"),
        error(529, "Overloaded", "overloaded_error"),
        (502, {}, "<html>Bad gateway: no api key, no credit balance</html>"),
        status(429, Retry_After=formatdate(0, usegmt=True)),
    ],
)  # fmt: skip
def test_what_may_pass_is_asked_again(server, fault):
    server.faults["paper 2"] = [fault] * 2
    assert not any(one.error for one in write(server.url).values())
    assert len(server.bodies) == 6 + 2


@pytest.mark.parametrize(
    "content", [[{"type": "thinking", "thinking": []}, {"type": "text", "text": "Yes"}], "Yes"]
)
def test_an_answer_in_parts_is_an_answer(server, content):
    server.faults[""] = [ok(content)]
    assert write(server.url, 1)[0].text == "Yes"


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (ok(None), "sent no text"),
        (ok(None, tool_calls=[{"function": {"name": "f"}}]), "called a tool"),
        (ok("", reasoning_content="Let me think."), "all thought"),
    ],
)
def test_a_reply_without_text_is_no_answer_and_asked_for_again(server, study, reply, told):
    server.faults["Title 3"] = [reply] * 9
    assert study(server.url, attempts=1).pairs == 7
    [rejection] = read_records(study.folder / "rejected.jsonl", Rejection)
    assert told in rejection.detail and len(kept(study)) == 7
    server.faults.clear()
    assert study(server.url, attempts=1).pairs == 8


def test_an_answer_in_the_shape_of_a_text_completion_is_one(server):
    server.faults[""] = [(200, {}, {"choices": [{"text": "Yes", "finish_reason": "stop"}]})]
    assert write(server.url, 1)[0].text == "Yes"


# ---- how many -------------------------------------------------------------------------------


def test_a_server_that_refuses_all_ends_the_run_and_one_that_refuses_many_does_not(server):
    odd = error(400, "Zonk")
    server.faults[""] = [odd] * 999
    with pytest.raises(GeneratorError, match="in a row failed; the last: HTTP 400: Zonk"):
        write(server.url, 60, concurrency=2)
    assert len(server.bodies) <= 5 + 2 + 1
    server.bodies.clear()
    server.faults = {f"paper {number}": [odd] * 9 for number in range(10, 40)}
    found = write(server.url, 60, concurrency=2)
    assert [number for number, one in sorted(found.items()) if one.error] == [*range(10, 40)]
    assert len(server.bodies) - 60 <= 4, "it was found out now and then whether the server answers"


def test_what_failed_is_asked_once_more_after_all_others(server):
    server.faults["paper 1"] = [status(500)] * 5
    found = write(server.url, 8, concurrency=1)
    assert not found[1].error and [*found][-1] == 1


def test_a_limit_is_never_a_documents_fault(server):
    server.faults["paper 3"] = [status(429, "slow down")] * 99
    found = []
    with pytest.raises(GeneratorError, match="1 documents are left: HTTP 429: slow down"):
        for batch in replies(server.url, 8, retries=1):
            found += batch
    assert len(found) == 7 and not any(one.error for one in found)


# ---- what the next run asks -----------------------------------------------------------------


def asked_for(server):
    return [body["messages"][0]["content"].split()[2] for body in server.bodies]


def kept(study):
    return [json.loads(line)["value"] for path in study.folder.glob("store/synthesize/*/*.jsonl")
            for line in path.read_text().splitlines()]  # fmt: skip


def test_credit_that_is_used_up_costs_no_document(server, study):
    server.faults[""] = [lambda _: None] * 5 + [error(402, "Insufficient Balance")] * 99
    with pytest.raises(GeneratorError, match="HTTP 402: Insufficient Balance"):
        study(server.url, concurrency=2)
    assert len(server.bodies) <= 7 and len(kept(study)) == 5
    assert not any(one["error"] for one in kept(study))
    assert not (study.folder / "pairs.parquet").exists()
    server.faults.clear()
    server.bodies.clear()
    counts = study(server.url, concurrency=2)
    assert (len(server.bodies), counts.asked, counts.from_store, counts.pairs) == (3, 3, 5, 8)


def test_a_refused_document_is_told_and_asked_about_by_the_next_run(server, study, caplog):
    caplog.set_level(logging.INFO)
    server.faults["Title 3"] = [DOCUMENTS["OpenAI"]] * 9
    assert study(server.url).pairs == 7 and len(server.bodies) == 8
    [rejection] = read_records(study.folder / "rejected.jsonl", Rejection)
    assert (rejection.reason, rejection.key) == ("service_refused", f"{3:016x}")
    assert "maximum context length is 8192" in rejection.detail
    assert "the service refused 1 documents" in caplog.text
    server.faults.clear()
    assert study(server.url).pairs == 8 and asked_for(server)[8:] == ["3"]


def test_refused_for_every_document_the_job_fails_with_the_servers_words(server, study):
    server.faults["Title"] = [DOCUMENTS["OpenAI"]] * 99
    with pytest.raises(GeneratorError, match="maximum context length is 8192 tokens"):
        study(server.url)
    assert not [*study.folder.glob("*.parquet"), *study.folder.glob("rejected*")]
    assert kept(study) == []


def test_an_answer_that_was_all_thought_gets_its_other_attempts(server, study):
    thought = DOCUMENTS["all thought"]
    server.faults |= {"Title 2": [thought] * 9, "Title 3": [thought]}
    assert study(server.url).pairs == 7
    [rejection] = read_records(study.folder / "rejected.jsonl", Rejection)
    assert "all thought, which used up max_new_tokens (512)" in rejection.detail
    assert sorted(asked_for(server)) == sorted("0123456723")
    server.bodies.clear()
    server.faults.clear()
    assert study(server.url).pairs == 8 and asked_for(server) == ["2"]


def test_provenance_says_what_was_sent(server, study):
    server.faults[""] = [
        lambda handler: extra("seed") if b'"seed"' in handler.asked.body else None
    ] * 99
    study(server.url)
    decodings = [pair.provenance["decoding"] for pair in read_pairs(study.folder / "pairs.parquet")]
    assert decodings == [{"temperature": 0.0, "top_p": 1.0, "max_tokens": 512}] * 8


def test_refusals_that_an_earlier_version_kept_are_asked_again(server, study):
    study(server.url)
    [path] = study.folder.glob("store/synthesize/*/*.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines[:3]:
        line["value"] |= {"text": "", "error": "HTTP 402: Insufficient Balance"}
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    for checked in study.folder.glob("store/pairs/*/*.jsonl"):
        checked.unlink()
    server.bodies.clear()
    assert study(server.url).pairs == 8 and len(server.bodies) == 3


def test_a_reply_is_of_the_pairs_that_it_has_though_it_was_cut(server, study):
    server.faults["Title 4"] = [ok(PAIR % 1 + ', {"question": "And', "length")]
    assert study(server.url).pairs == 8 and len(server.bodies) == 8
