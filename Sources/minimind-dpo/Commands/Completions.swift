import ArgumentParser
import Foundation
import OrderedJSON

/// `completions`: completion for shells, and the manual page.
struct Completions: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Prints completion for a shell, or the manual page: bash, zsh, fish, man.",
    discussion: """
      bash  minimind-dpo completions bash > ~/.local/share/bash-completion/completions/minimind-dpo
      zsh   minimind-dpo completions zsh > ~/.zfunc/_minimind-dpo    (before compinit: fpath+=~/.zfunc)
      fish  minimind-dpo completions fish > ~/.config/fish/completions/minimind-dpo.fish
      man   minimind-dpo completions man > ~/.local/share/man/man1/minimind-dpo.1

      The folders have to be there. New shells know the options of all commands then, and man minimind-dpo shows them.
      """)

  @Argument(help: "What to print.")
  var what: What

  @OptionGroup var config: ConfigArguments

  /// What can be printed.
  enum What: String, ExpressibleByArgument, CaseIterable {
    case bash, zsh, fish, man
  }

  func run() throws {
    switch what {
    case .bash: Output.line(MiniMindDPO.completionScript(for: .bash))
    case .zsh: Output.line(MiniMindDPO.completionScript(for: .zsh))
    case .fish: Output.line(MiniMindDPO.completionScript(for: .fish))
    case .man: Output.line(try ManualPage(of: JSON(parsing: MiniMindDPO._dumpHelp()), version: Version.number).text)
    }
  }
}
