import Foundation
import Observability
import OrderedJSON
import Testing

@Suite("Which trial of a sweep to take")
struct SweepTests {
  /// A trial that was right on so many of 1,000 pairs.
  private func trial(
    _ rate: Double, beta: Double = 0.1, loss: String = "sigmoid", wins: Int, ties: Int = 0, of pairs: Int = 1000
  ) -> SweepTrial {
    SweepTrial(
      SweepSetting(learningRate: rate, beta: beta, lossType: loss),
      .measured(
        SweepTrial.Result(
          pairs: pairs, wins: wins, ties: ties, margin: 0.5, loss: 0.5, steps: 10, trainingSeconds: 2,
          evaluationSeconds: 1)))
  }

  private func choice(_ trials: SweepTrial..., standard: Double = 1e-6) -> SweepChoice {
    SweepChoice(among: trials, standard: SweepSetting(learningRate: standard, beta: 0.1, lossType: "sigmoid"))
  }

  @Test("The best one, where no other lies within its interval")
  func best() {
    let found = choice(trial(1e-6, wins: 600), trial(1e-5, wins: 800), trial(1e-4, wins: 700))
    #expect(found.trial?.setting.learningRate == 1e-5)
    #expect(found.verdict == .beatsDefault)
    // Wilson's interval of 800 of 1,000 is 0.7741 to 0.8236 (statsmodels, proportion_confint, method wilson).
    #expect(found.text.contains("80.0 % (77.4 to 82.4 %) of 1,000 pairs"))
    #expect(found.text.contains("--learning-rate 1e-5 --beta 0.1 --loss-type sigmoid"))
    #expect(found.text.contains("It beats"))
    #expect(found.text.contains("60.0 %"))
    #expect(
      found.words.zh.hasPrefix(
        "请选 --learning-rate 1e-5 --beta 0.1 --loss-type sigmoid：判断正确 80.0 %（77.4 至 82.4 %，共 1,000 个偏好对）。"))
  }

  @Test("Of those within the interval of the best one, the smallest rate, then the largest β, then the first loss")
  func calmest() {
    // 775 is within the interval of 800 of 1,000, and 773 is not.
    #expect(choice(trial(1e-5, wins: 800), trial(3e-6, wins: 775)).trial?.setting.learningRate == 3e-6)
    #expect(choice(trial(1e-5, wins: 800), trial(3e-6, wins: 773)).trial?.setting.learningRate == 1e-5)
    #expect(choice(trial(1e-5, wins: 800), trial(1e-5, beta: 0.3, wins: 790)).trial?.setting.beta == 0.3)
    let equal = choice(trial(1e-4, wins: 800), trial(1e-5, wins: 800))
    #expect(equal.best?.setting.learningRate == 1e-5 && equal.trial == equal.best)
    let losses = choice(trial(1e-5, loss: "ipo", wins: 790), trial(1e-5, loss: "hinge", wins: 800))
    #expect(losses.trial?.setting.lossType == "ipo")
    #expect(losses.best?.setting.lossType == "hinge")
    #expect(losses.text.contains("cannot be told from"))
  }

  @Test("What the options say without a sweep is beaten, kept, equalled or was not tried")
  func standard() {
    #expect(choice(trial(1e-6, wins: 800), trial(1e-5, wins: 810)).verdict == .keepsDefault)
    #expect(choice(trial(1e-6, wins: 800), trial(1e-5, wins: 700)).verdict == .keepsDefault)
    let equal = choice(trial(1e-6, wins: 800), trial(1e-7, wins: 795))
    #expect(equal.verdict == .equalsDefault)
    #expect(equal.text.contains("does not beat what the options say"))
    let missing = choice(trial(1e-5, wins: 800), trial(1e-7, wins: 600))
    #expect(missing.verdict == .noDefault)
    #expect(missing.text.contains("not among the trials"))
    let failed = SweepTrial(
      SweepSetting(learningRate: 1e-6, beta: 0.1, lossType: "sigmoid"), .failed("not a finite number"))
    #expect(choice(failed, trial(1e-7, wins: 600)).text.contains("failed"))
  }

  @Test("None is taken where even the best cannot be told from guessing, or none went to its end")
  func nothing() {
    // The lower end of 530 of 1,000 is 0.499, that of 540 is 0.509.
    let guessing = choice(trial(1e-6, wins: 500), trial(1e-5, wins: 530))
    #expect(guessing.trial == nil && guessing.verdict == .chance)
    #expect(guessing.text.contains("guessing"))
    #expect(choice(trial(1e-6, wins: 400), trial(1e-5, wins: 540)).trial?.setting.learningRate == 1e-5)
    // A model that is still its reference: nothing but ties, which count half.
    #expect(choice(trial(1e-6, wins: 0, ties: 1000)).verdict == .chance)
    let failed = SweepTrial(
      SweepSetting(learningRate: 1, beta: 0.1, lossType: "sigmoid"), .failed("not a finite number"))
    #expect(choice(failed).trial == nil)
    #expect(choice(failed).verdict == .nothing)
  }

  @Test("The end of the range of rates is said where the choice lies there")
  func edges() {
    #expect(choice(trial(1e-6, wins: 600), trial(1e-5, wins: 800)).text.contains("No larger rate"))
    #expect(choice(trial(1e-6, wins: 800), trial(1e-5, wins: 700)).text.contains("No smaller rate"))
    let inside = choice(trial(1e-6, wins: 600), trial(1e-5, wins: 800), trial(1e-4, wins: 500)).text
    #expect(!inside.contains("No larger") && !inside.contains("No smaller"))
  }

  @Test("A record reads back as the trial that it was written from")
  func records() throws {
    let failed = SweepTrial(
      SweepSetting(learningRate: 1e-4, beta: 0.5, lossType: "ipo"), .failed("not a finite number"))
    for trial in [trial(3.0000000001e-7, beta: 0.15, wins: 7, ties: 2, of: 12), failed] {
      #expect(SweepTrial(try JSON(parsing: trial.json.serialized())) == trial)
    }
    #expect(SweepTrial(["learning_rate": 1e-3]) == nil)
    #expect(SweepTrial(["best": "lr-1e-3"]) == nil)
  }

  @Test("The table has the best first and those that failed last, marks the choice, and says where the time went")
  func table() throws {
    let failed = SweepTrial(
      SweepSetting(learningRate: 1, beta: 0.1, lossType: "sigmoid"), .failed("not a finite number"))
    var table = SweepTable(
      trials: [failed, trial(1e-6, wins: 600), trial(1e-5, wins: 800)],
      standard: SweepSetting(learningRate: 1e-6, beta: 0.1, lossType: "sigmoid"))
    table.times.referenceFound = 1800
    let lines = table.text.split(separator: "\n")
    #expect(lines[0].contains("learning rate") && lines[0].contains("95 % interval"))
    #expect(lines[1].hasPrefix("→ 1e-5"))
    #expect(lines[2].hasPrefix("  1e-6"))
    #expect(lines[3].contains("failed: not a finite number"))
    #expect(table.text.contains("reference 0.0 s (0 pairs computed, 1,800 found on disk)"))
    let json = try JSON(parsing: table.json.serialized())
    #expect(json["choice"]?["learning_rate"]?.double == 1e-5)
    #expect(json["verdict"] == "better than the default")
    #expect(json["trials"]?.array?.count == 3)
    #expect(json["reference_found"] == 1800)
  }

  @Test(
    "The page shows the sentence, the table, and the accuracies with their intervals; without rates to compare, over β")
  func page() {
    let standard = SweepSetting(learningRate: 1e-6, beta: 0.1, lossType: "sigmoid")
    let byRate = SweepReport(
      SweepTable(trials: [trial(1e-6, wins: 600), trial(1e-5, wins: 800)], standard: standard), runs: []
    ).html
    #expect(byRate.contains("Take --learning-rate 1e-5"))
    #expect(byRate.contains(#""over":{"en":"learning rate""#))
    #expect(byRate.contains("77.4 to 82.4 %"))
    #expect(byRate.contains(",0.774"))
    #expect(byRate.contains("default-src 'none'"))
    let byBeta = SweepReport(
      SweepTable(trials: [trial(1e-6, wins: 600), trial(1e-6, beta: 0.5, wins: 800)], standard: standard), runs: []
    ).html
    #expect(byBeta.contains(#""over":"β""#) && byBeta.contains(#""x":[0.1,0.5]"#))
  }
}
