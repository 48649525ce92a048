"""The page of a conversation; all text is shown literally, whoever wrote it."""

import os
import re
import threading
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from papertune.chat.choices import SHOWN, Choices, Listed
from papertune.chat.conversation import Conversation, Loaded
from papertune.errors import PapertuneError

NONE = "none: the question alone"
PATIENCE = 10.0  # seconds to wait for a token
HEIGHT = "min(25rem, 40vh)"  # of a side: on a phone both are in view, with the question
NOTHING = "(nothing)"  # shown for an empty answer
# local fonts: gradio's own themes load theirs from the web
FONTS = ["ui-sans-serif", "system-ui", "sans-serif"], ["ui-monospace", "monospace"]


def application(choices: Choices, model: str, seed: int, token: str, private: Path) -> Any:
    """Make the page, below the path of a token (ASGI).

    Args:
        private: A folder that only this account can read, for gradio's files.

    Raises:
        PapertuneError: gradio is not installed.
    """
    os.environ |= {
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_TEMP_DIR": str(private),
        "HF_HUB_OFFLINE": "1",
    }
    try:
        import gradio
        from fastapi import FastAPI
    except ImportError:
        hint = "`make chat` installs it; TERMINAL=1 works without it"
        raise PapertuneError("gradio is not installed", where="make chat", hint=hint) from None
    blocks = _Page(choices, model, seed).blocks()
    sans, mono = FONTS
    return gradio.mount_gradio_app(
        FastAPI(docs_url=None, redoc_url=None, openapi_url=None), blocks, f"/{token}",
        footer_links=[], run_history=False, show_error=False, ssr_mode=False, mcp_server=False,
        pwa=False, enable_monitoring=False, max_file_size=1, blocked_paths=[str(Path.cwd())],
        theme=gradio.themes.Base(font=sans, font_mono=mono),
    )  # fmt: skip


class _Page:
    """The page's content and actions; the weights are loaded once for all open windows."""

    def __init__(self, choices: Choices, model: str, seed: int) -> None:
        self.choices, self.loaded = choices, Loaded()
        self.stopped, self.answering = threading.Event(), threading.Lock()
        self.first = Conversation(choices, model, seed)

    def blocks(self) -> Any:
        """Build gradio's page."""
        import gradio as gr

        study, first = self.choices.study, self.first
        title = f"{study.title or self.choices.layout.name}: chat"
        with gr.Blocks(title=title, analytics_enabled=False, fill_width=True) as blocks:
            # an experiment file may be untrusted: its Markdown and HTML are shown literally
            gr.Markdown("# " + re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", title))
            state = gr.State()  # the conversation, once it has begun
            with gr.Row():
                models = [(study.model_label(name), name) for name in self.choices.models]
                model = gr.Dropdown(
                    models, value=first.model, label="Model", elem_id="model", scale=3
                )
                seeds = self.choices.models[first.model]
                seed = gr.Dropdown(seeds, value=first.seed, label="Seed", elem_id="seed")
            with gr.Row():
                words = gr.Textbox(label="Find a document by its title", elem_id="words")
                about = gr.Dropdown(
                    self._documents(""), value="", label="Document", elem_id="document", scale=3,
                    visible=self.choices.reads(first.model),
                )  # fmt: skip
            with gr.Row():
                # messages are shown without Markdown, HTML escaped: gradio would render some of it
                plain: dict[str, Any] = {"render_markdown": False, "sanitize_html": True}
                plain |= {"latex_delimiters": [], "allow_tags": False, "feedback_options": None}
                labels = [side.label for side in first.sides]
                chats = [
                    gr.Chatbot(label=label, elem_id=name, buttons=[], height=HEIGHT, **plain)
                    for name, label in zip(("base", "tuned"), labels, strict=True)
                ]
            note = gr.Textbox(label="Note", interactive=False, visible=False, elem_id="note")
            question = gr.Textbox(label="Question", elem_id="question", autofocus=True)
            with gr.Row():
                send = gr.Button("Ask", variant="primary", elem_id="send")
                stop = gr.Button("Stop", elem_id="stop")
                anew = gr.Button("New conversation", elem_id="anew")
            with gr.Accordion("What each model reads", open=False), gr.Row():
                reads = [
                    gr.Textbox(label=label, interactive=False, lines=6, elem_id=f"read-{name}")
                    for name, label in zip(("base", "tuned"), labels, strict=True)
                ]
            chosen, shown = [model, seed, about], [*chats, *reads, note]
            # one at a time: there is one copy of the weights
            once: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "models"}
            for event in (question.submit, send.click):
                event(self.ask, [state, question, *chosen], [state, question, *shown], **once)
            # not by gradio's `cancels`, which may cancel the next question
            stop.click(self.stopped.set)
            choosing = (one.input for one in chosen)
            for event in (*choosing, anew.click, *(one.clear for one in chats)):
                event(self.begin, chosen, [state, seed, about, *shown])
            words.change(self.find, words, about)
        blocks.queue(default_concurrency_limit=None, api_open=False)
        return blocks

    def find(self, words: str) -> Any:
        """Narrow the list of documents by words of the title, and show their number."""
        import gradio as gr

        found = self._documents(words)
        first = "the first " * (len(found) > SHOWN)
        label = f"Document ({first}{len(found) - 1} with these words)"
        return gr.Dropdown(found, label=label if words.strip() else "Document")

    def _documents(self, words: str) -> list[tuple[str, str]]:
        """Documents to choose from, as (label, key)."""
        return [(NONE, ""), *((str(one), _key(one)) for one in self.choices.find(words))]

    def begin(self, model: str, seed: int, about: str) -> list[Any]:
        """Begin a conversation with the current choices."""
        import gradio as gr

        self.stopped.set()
        if self.answering.acquire(timeout=PATIENCE):  # wait for an answer in progress
            self.answering.release()
        talk = self._talk(model, seed, about)
        reads = self.choices.reads(model)
        labels = [side.label for side in talk.sides]
        if not reads:
            about = "Its prompt shows no document."
        else:
            about = f"Asked about: {talk.about}" if talk.about else "Asked without a document."
        return [
            None,
            gr.Dropdown(self.choices.models[model], value=talk.seed),
            gr.Dropdown(value=_key(talk.about), visible=reads),
            *(gr.Chatbot([], label=label) for label in labels),
            *(gr.Textbox("", label=label) for label in labels),
            _note(f"A new conversation with {labels[1]}. {about}"),
        ]

    def _talk(self, model: str, seed: int, about: str) -> Conversation:
        seeds, reads = self.choices.models[model], self.choices.reads(model)
        document = next((one for one in self.choices.documents if _key(one) == about), None)
        chosen = seed if seed in seeds else seeds[0]
        return Conversation(self.choices, model, chosen, document if reads else None)

    def ask(
        self, talk: Conversation | None, question: str, model: str, seed: int, about: str
    ) -> Iterator[list[Any]]:
        """Yield both growing answers; the first question after a choice begins a conversation."""
        new = self._talk(model, seed, about)
        if talk is None or (talk.sides, talk.about) != (new.sides, new.about):
            talk = new
        read, said = ["", ""], [_said(talk, 0), _said(talk, 1)]
        if not (question := question.strip()):
            yield [talk, "", *said, *read, _note("Ask a question.")]
            return
        self.answering.acquire()
        self.stopped.clear()
        try:
            note = "The models are loaded first." * self.loaded.none
            yield [talk, "", *_going(talk, question, ["", ""]), *read, _note(note)]
            for turn in talk.ask(question, self.loaded):
                read = turn.read
                yield [talk, "", *_going(talk, question, turn.answers), *read, _note(turn.note)]
                if self.stopped.is_set():
                    return  # the incomplete turn stays visible, but is not part of the conversation
            yield [talk, "", _said(talk, 0), _said(talk, 1), *read, _note(turn.note)]
        except PapertuneError as error:
            yield [talk, question, *said, *read, _note(str(error))]
        finally:
            self.answering.release()


def _note(text: str) -> Any:
    import gradio

    return gradio.Textbox(text, visible=bool(text))


def _key(one: Listed | None) -> str:
    return f"{one.path}:{one.offset}" if one else ""


def _said(talk: Conversation, place: int) -> list[dict[str, str]]:
    """The turns of one side, as gradio's messages."""
    return [
        _message(role, text)
        for question, answers in talk.turns
        for role, text in (("user", question), ("assistant", answers[place] or NOTHING))
    ]


def _message(role: str, text: str) -> dict[str, str]:
    return {"role": role, "content": escape(text, quote=False)}


def _going(talk: Conversation, question: str, answers: list[str]) -> list[list[dict[str, str]]]:
    """The messages of both sides, including the turn in progress."""
    return [
        [*_said(talk, place), _message("user", question), _message("assistant", text or "…")]
        for place, text in enumerate(answers)
    ]
