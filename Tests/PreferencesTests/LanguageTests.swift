import Preferences
import Testing

@Suite("The language of a text")
struct LanguageTests {
  @Test(arguments: [
    ("请解释一下什么是机器学习。", Language.chinese),
    ("好", .chinese),
    ("能不能用 Python 的 requests library 写一个简单的 web crawler 抓取网页标题？", .chinese),
    ("機器學習是人工智慧的一個分支。", .chinese),
    ("日语里的“の”相当于中文的“的”。", .chinese),
    ("機械学習とは何か説明してください。", .japanese),
    ("ありがとう", .japanese),
    ("コンピューター", .japanese),
    ("머신 러닝이 무엇인지 설명해 주세요.", .korean),
    ("Explain in one sentence what machine learning is.", .latin),
    ("Qu’est-ce que l’apprentissage automatique ? Réponds brièvement.", .latin),
    ("How do you say 谢谢 in Japanese, and when is it used in a formal letter?", .latin),
    ("Объясните, что такое машинное обучение.", .cyrillic),
    ("اشرح ما هو التعلم الآلي.", .arabic),
    ("Εξηγήστε τι είναι η μηχανική μάθηση.", .greek),
    ("הסבר מהי למידת מכונה.", .hebrew),
    ("मशीन लर्निंग क्या है, समझाइए।", .devanagari),
    ("อธิบายว่าการเรียนรู้ของเครื่องคืออะไร", .thai),
  ])
  func `Is told by its letters`(_ text: String, _ language: Language) {
    #expect(Language(of: text) == language)
  }

  @Test(arguments: [
    "", "42", "3.14 × 10^6 = ?", "…", "A", "B.", "🙂🙂🙂", "1 + 1 = 2", "$x^2 + y^2$",
    "```python\nprint('Hello, world')\n```", "`max_length`", "https://example.com/a/long/path/to/a/page",
  ])
  func `Is other where there are too few letters`(_ text: String) {
    #expect(Language(of: text) == .other)
  }

  @Test func `Does not depend on the code in it`() {
    let code = """
      ```python
      def fibonacci(number):
          if number < 2: return number
          return fibonacci(number - 1) + fibonacci(number - 2)
      ```
      """
    #expect(Language(of: "用递归写：\n" + code) == .chinese)
    #expect(Language(of: code + "\n用递归写。") == .chinese)
    #expect(Language(of: "把 `torch.nn.functional.scaled_dot_product_attention` 换成自己写的") == .chinese)
    #expect(Language(of: "函数 calculate_the_average_of_numbers(values) 有误") == .chinese)
    #expect(Language(of: "见 https://pytorch.org/docs/stable/generated/torch.optim.AdamW.html 的说明") == .chinese)
    // A block that was cut off reaches to the end; a lone backtick is no code.
    #expect(Language(of: "代码如下：\n```python\nfor element in elements: process(element)\nfinish everything") == .chinese)
    #expect(Language(of: "It`s a typo that many people make\nin their letters") == .latin)
  }

  @Test func `Has a short name for tables`() {
    #expect(Language.allCases.map(\.rawValue).prefix(4) == ["zh", "ja", "ko", "latin"])
  }
}
