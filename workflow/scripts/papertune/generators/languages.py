"""Words in languages other than English with which models mark questions and answers, or refuse."""

import re

# words for "question" and "answer" in the output of models
QUESTION_WORDS = (
    "研究问题", "研究問題", "研究課題", "问题", "問題", "提问", "提問", "问", "問", "質問", "問い",
    "질문", "문제", "คำถาม", "คําถาม", "ຄຳຖາມ", "ຄໍາຖາມ", "សំណួរ", "မေးခွန်း",
    "kysymys", "frage", "вопрос", "ερώτηση", "السؤال", "سؤال", "שאלה", "प्रश्न", "सवाल",
    "câu hỏi", "pregunta", "pergunta", "domanda", "vraag", "fråga", "spørgsmål", "spørsmål",
    "pytanie", "otázka", "питання", "kérdés", "soru", "pertanyaan",
)  # fmt: skip
ANSWER_WORDS = (
    "研究方法", "答案", "回答", "解答", "答え", "答", "답변", "정답", "대답", "답", "คำตอบ", "คําตอบ",
    "ຄຳຕອບ", "ຄໍາຕອບ", "ចម្លើយ", "အဖြေ", "vastaus",
    "antwort", "ответ", "απάντηση", "الإجابة", "إجابة", "الجواب", "جواب", "תשובה", "उत्तर",
    "जवाब", "câu trả lời", "trả lời", "đáp án", "réponse", "respuesta", "resposta", "risposta",
    "antwoord", "svar", "odpowiedź", "odpověď", "відповідь", "válasz", "cevap", "yanıt",
    "jawaban",
)  # fmt: skip
ASKING = "?？؟"  # marks at the end of a question
ASKS = (*ASKING, "か。")  # ends of a question

# beginnings of refusals: "sorry", "unfortunately", "the text does not"
REFUSAL = re.compile(
    r"^\W*+(?:(?:很|非常|十分)?(?:抱歉|对不起|對不起|遗憾|遺憾)"
    r"|(?:本|该|該|原)?(?:文|摘要|文章|论文|論文|文本|段落)(?:中|里|裡)?(?:并|並)?"
    r"(?:未|没有|沒有)(?:明确|明確)?(?:提及|提到|提供|说明|說明|给出|給出|指出)|(?:未|没有|沒有)提[及到]"
    r"|(?:我)?(?:无法|無法|不能)(?:回答|确定|確定|提供|得知|判断|判斷)|不知道|未知\W*+$|作为(?:一个)?(?:AI|人工智能)"
    r"|申し訳|すみません|残念ながら|わかりません|分かりません|不明(?:です)?\W*+$"
    r"|(?:この)?(?:本文|論文|要旨|抄録|要約|文章|テキスト)(?:中)?(?:に|で)は[^。]{0,30}"
    r"(?:記載|言及|記述|説明)(?:されて|は|が)?(?:い)?(?:ません|ない|なく|あり)"
    r"|ขออภัย|ขอโทษ|เสียใจ|ไม่ทราบ|ไม่สามารถตอบ|(?:ใน)?(?:บทคัดย่อ|บทความ|เนื้อหา|ข้อความ)?(?:นี้)?ไม่(?:ได้|มีการ)"
    r"(?:กล่าวถึง|ระบุ|ให้ข้อมูล)"
    r"|죄송|유감|알 수 없|모르겠|(?:본 |이 )?(?:초록|본문|논문|글|텍스트)에(?:는|서는)?\s.{0,30}"
    r"(?:언급|명시|나와|제공)\S*\s?(?:않|없|있지)"
    r"|valitettavasti|pahoittelen|anteeksi\b|en (?:tiedä|voi|osaa)\b|(?:tekstissä|tiivistelmässä"
    r"|artikkelissa) ei (?:mainita|kerrota|sanota)"
    r"|leider\b|(?:es )?tut mir leid|entschuldigung|ich (?:kann|weiß)\b[^.]{0,40}\bnicht\b"
    r"|(?:(?:das|dies|es) wird\b[^.]{0,30}\b)?nicht (?:erwähnt|angegeben|genannt)\b"
    r"|(?:der|das|die) (?:text|abstract|artikel|zusammenfassung) (?:erwähnt|nennt|enthält|sagt)\b[^.]{0,40}"
    r"\b(?:nicht|nichts|keine)\b"
    r"|к сожалению|извините|простите|прошу прощения|я не (?:могу|знаю)|не (?:указано|упоминается|известно)\b"
    r"|в (?:тексте|статье|аннотации)[^.]{0,30}\bне (?:указ|упом|говор|сказ)"
    r"|δυστυχώς|λυπάμαι|συγγνώμη|δεν (?:αναφέρεται|γνωρίζω|μπορώ|διευκρινίζεται)"
    r"|(?:στο κείμενο|το κείμενο|η περίληψη) δεν (?:αναφέρ|διευκρινίζ|λέει)"
    r"|عذر[اًا]+|آسف|أعتذر|للأسف|مع الأسف|لا (?:أستطيع|يمكنني|أعرف)|(?:لم|لا) [يت]\w*ُ?ذ\w*كر|غير مذكور"
    r"|(?:النص|الملخص|المقال) (?:لا|لم) (?:يذكر|يحدد|يشر|يوضح)"
    r"|מצטער|סליחה|לצערי|איני יודע|אינני|אני לא (?:יודע|יכול)|לא (?:צוין|צוינה|מוזכר|נמסר)"
    r"|(?:הטקסט|התקציר|המאמר) (?:אינו|לא) (?:מזכיר|מציין|מתייחס)"
    r"|क्षमा|माफ़? ?कीजिए|माफ़ करें|खेद|दुर्भाग्य|मुझे (?:नहीं|खेद)"
    r"|(?:(?:लेख|पाठ|सारांश) में )?(?:इसका |इस का )?(?:उल्लेख|ज़िक्र) नहीं"
    r"|xin lỗi|rất tiếc|tôi không (?:thể|biết)"
    r"|(?:(?:văn bản|bài báo|tóm tắt|đoạn văn) )?không (?:được )?(?:đề cập|nêu|nhắc|nói đến)"
    r"|désolé|malheureusement|je ne (?:peux|sais)|lo siento|lamentablemente|desafortunadamente"
    r"|infelizmente|desculpe|purtroppo|mi dispiace|helaas|tyvärr|beklager|niestety|przepraszam|bohužel|sajnos"
    r"|üzgünüm|maalesef)",
    re.I,
)
