"""What pages in other languages than English call an abstract, and what stands in its place."""

import re

# what an abstract is called, and the keywords below it
ABSTRACT = (
    r"(?:内容|中文)?摘\s*要|提\s*要|抄\s*録|要\s*旨|概\s*要|あらまし|(?:국문\s*)?초\s*록|요\s*약"
    r"|аннотация|реферат|резюме|анотація|tiivistelmä|περίληψη|(?:ال)?ملخص(?: البحث)?|المستخلص"
    r"|چکیده|תקציר|सारांश|सार|tóm tắt|บทคัดย่อ|özet|öz|sammendrag|resumé|sammanfattning"
    r"|samenvatting|resumen|resumo|résumé|riassunto|riassunti|streszczenie|abstrakt|souhrn"
    r"|összefoglal(?:ás|ó)|rezumat|sažetak|zusammenfassung|kurzfassung|abstrak"
)
KEYWORDS = (
    r"关键词|关键字|關鍵[词詞字]|キーワード|키워드|주제어|핵심어|ключевые слова|ключові слова"
    r"|avainsanat|asiasanat|λέξεις[- ]κλειδιά|(?:ال)?كلمات (?:ال)?مفتاحية|الكلمات الدالة"
    r"|کلید ?واژه|מילות מפתח|मुख्य शब्द|कुंजी ?शब्द|từ khóa|คำสำคัญ"
    r"|anahtar (?:kelimeler|sözcükler)|nøkkelord|nyckelord|trefwoorden|palabras clave"
    r"|palavras[- ]chave|mots[- ]clés|parole chiave|słowa kluczowe|klíčová slova|kulcsszavak"
    r"|schlüssel(?:wörter|begriffe)|schlagwörter"
)

# that there is none, that one has to sign in, or of cookies
ELSEWHERE = re.compile(
    r"^\W*(?:(?:暂无|本文无|没有|無|无)摘要|摘要(?:暂缺|不可用)"
    r"|(?:この論文には)?(?:抄録|要旨)(?:は|が)?(?:なし|ありません|登録されて)"
    r"|초록이? ?없|аннотация (?:отсутствует|недоступна)|нет аннотации|keine? (?:abstract|zusammenfassung)\b"
    r"|ei tiivistelmää|không có tóm tắt|ไม่มีบทคัดย่อ|لا يوجد ملخص|אין תקציר|δεν υπάρχει περίληψη"
    r"|请(?:先|您)?(?:登录|注册|启用|开启|输入验证码|订阅|购买)"
    r"|請(?:先|您)?(?:登入|註冊|啟用|輸入驗證碼)|您的浏览器|您需要登录"
    r"|ログイン(?:して|が必要)|javascript(?:を有効|が無効)|로그인(?:이 필요|해|하)|войдите|авторизуйтесь"
    r"|bitte (?:melden|aktivieren|loggen)|kirjaudu|vui lòng đăng nhập|กรุณาเข้าสู่ระบบ|يرجى تسجيل|יש להתחבר)"
    r"|(?:使用|利用|verwende|nutz|использу|utili[zs]|usa\b|käytt|χρησιμοποι"
    r"|[تن]ستخدم|ใช้|사용|sử dụng|उपयोग|משתמש)"
    r".{0,40}(?:cookie|クッキー|eväste|куки|คุกกี้|쿠키|ملفات تعريف|עוגיות|कुकी)"
    r"|(?:cookie|クッキー|쿠키|कुकी).{0,30}(?:使用|利用|사용|उपयोग)",
    re.IGNORECASE,
)
