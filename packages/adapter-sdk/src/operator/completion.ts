/** Writes what a shell needs to complete the commands, options and choices of a program. */
import { Argument, type Command, Option } from 'commander'

/** A shell that can be told. */
export type Shell = 'bash' | 'zsh'

const SHELLS: readonly Shell[] = ['bash', 'zsh']

/**
 * Adds the command `completion`, which prints a script for a shell. `word`: what starts the program in a shell, unless the
 * command line says otherwise. `write`: prints the script.
 */
export function addCompletionCommand(root: Command, word: string, write: (script: string) => void): void {
  root
    .command('completion')
    .description('print a script with which the tab key completes commands and options')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .addOption(new Option('--as <word>', 'what starts the program in your shell, such as an alias').default(word))
    .addHelpText('after', () => `\nFor ~/.bashrc, or for ~/.zshrc after compinit:\n${usage(root.name(), word)}`)
    .action((shell: Shell, { as }: { as: string }) => {
      if (!/^[\w.-]+$/.test(as)) root.error('error: --as must be a word of letters, digits, dots and hyphens')
      write(completionScript(root, shell, as))
    })
}

function usage(name: string, word: string): string {
  const alias = name === word ? '' : `  alias ${word}='${name}'\n`
  return `${alias}${SHELLS.map((shell) => `  source <(${name} completion ${shell})`).join('\n')}`
}

/** The script for a shell. `word`: what starts the program. */
export function completionScript(root: Command, shell: Shell, word: string): string {
  return SCRIPTS[shell](partsOf(root), word, `_${word.replaceAll(/\W/g, '_')}_completion`)
}

/** A command; the program itself has no name. */
interface Part {
  readonly name: string
  /** Commands and options, with what they say. */
  readonly commands: readonly Offer[]
  readonly options: readonly Offer[]
  /** What follows an option. */
  readonly values: readonly { readonly flags: readonly string[]; readonly choice: Choice }[]
  /** What follows the command. */
  readonly argument: Choice | undefined
}

type Offer = readonly [text: string, says: string]

/** One of these words, a file, or anything. */
type Choice = readonly string[] | 'file' | 'anything'

function partsOf(root: Command): Part[] {
  const commands = root.createHelp().visibleCommands(root)
  const names = commands.map((command) => command.name())
  return [
    ...[root, ...root.commands].map((command) => partOf(command, command === root ? '' : command.name())),
    ...(names.includes('help') ? [{ name: 'help', commands: [], options: [], values: [], argument: names }] : []),
  ]
}

function partOf(command: Command, name: string): Part {
  const help = command.createHelp()
  const options = help.visibleOptions(command)
  const [argument] = command.registeredArguments
  return {
    name,
    commands: help.visibleCommands(command).map((each) => [each.name(), each.description()]),
    options: options.map((option) => [option.long ?? option.flags, option.description]),
    values: options.flatMap((option) =>
      option.required || option.optional
        ? [
            {
              flags: [option.long, option.short].filter((flag) => flag !== undefined),
              choice: choiceOf(option.flags, option.argChoices),
            },
          ]
        : [],
    ),
    argument: argument === undefined ? undefined : choiceOf(`<${argument.name()}>`, argument.argChoices),
  }
}

function choiceOf(flags: string, choices: readonly string[] | undefined): Choice {
  return choices ?? (/[<[](.*-)?(file|folder|module)[\].>]/.test(flags) ? 'file' : 'anything')
}

const SCRIPTS: Readonly<Record<Shell, (parts: readonly Part[], word: string, name: string) => string>> = {
  bash: (parts, word, name) => `# Completion of ${word} for bash.
${name}() {
  local word command='' current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  # An equals sign is a word of its own.
  if [[ $current == = ]]; then current=''
  elif [[ $previous == = ]]; then previous="\${COMP_WORDS[COMP_CWORD-2]}"; fi
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in ${commandPattern(parts)}) command=$word; break;; esac
  done
  COMPREPLY=()
  case "$command $previous" in
${valueCases(parts, {
  words: (words) => `COMPREPLY=($(compgen -W ${quoted(words.join(' '))} -- "$current"))`,
  file: BASH_FILES,
})}
  esac
  case $command in
${parts.map((part) => `    ${quoted(part.name)}) ${bashOffers(part)};;`).join('\n')}
  esac
}
complete -F ${name} ${word}`,

  zsh: (parts, word, name) => `# Completion of ${word} for zsh.
${name}() {
  local word command='' previous=\${words[CURRENT-1]}
  local -a offers
  [[ \${words[CURRENT]} == --*=* ]] && { previous=\${words[CURRENT]%%=*}; compset -P 1 '*=' }
  for word in \${words[2,CURRENT-1]}; do
    case $word in (${commandPattern(parts)}) command=$word; break;; esac
  done
  case "$command $previous" in
${valueCases(parts, { words: (words) => `compadd -- ${words.map(quoted).join(' ')}`, file: '_files' }, '(')}
  esac
  case $command in
${parts.map((part) => `    (${quoted(part.name)}) ${zshOffers(part)};;`).join('\n')}
  esac
}
compdef ${name} ${word}`,
}

function bashOffers({ commands, options, argument }: Part): string {
  const words = [...commands, ...options].map(([text]) => text)
  const more = Array.isArray(argument) ? argument : []
  const offers = `COMPREPLY=($(compgen -W ${quoted([...more, ...words].join(' '))} -- "$current"))`
  return argument === 'file' ? `${offers}; ${BASH_FILES}` : offers
}

/** Names may have spaces. The bash of macOS has no compopt. */
const BASH_FILES = 'local IFS=$\'\\n\'; compopt -o filenames 2>/dev/null; COMPREPLY+=($(compgen -f -- "$current"))'

function zshOffers({ commands, options, argument }: Part): string {
  const described = [...commands, ...options].map(([text, says]) => quoted(`${text.replaceAll(':', '\\:')}:${says}`))
  return [
    ...(Array.isArray(argument) ? [`compadd -- ${argument.map(quoted).join(' ')}`] : []),
    `offers=(${described.join(' ')})`,
    "_describe 'command or option' offers",
    ...(argument === 'file' ? ['_files'] : []),
  ].join('; ')
}

/** What follows an option: nothing else is offered there. */
function valueCases(
  parts: readonly Part[],
  how: { readonly words: (words: readonly string[]) => string; readonly file: string },
  open = '',
): string {
  const places = new Map<string, string[]>()
  for (const { name, values } of parts) {
    for (const { flags, choice } of values) {
      const does = choice === 'anything' ? '' : `${choice === 'file' ? how.file : how.words(choice)}; `
      places.set(does, [...(places.get(does) ?? []), ...flags.map((flag) => quoted(`${name} ${flag}`))])
    }
  }
  return [...places].map(([does, where]) => `    ${open}${where.join('|')}) ${does}return;;`).join('\n')
}

/** Fits the name of a command, and nothing where there is none. */
function commandPattern(parts: readonly Part[]): string {
  return parts.flatMap(({ name }) => (name === '' ? [] : [name])).join('|') || "''"
}

/** As one word of a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
