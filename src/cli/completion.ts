/** `kadns completion SHELL`: the words of this command, for a shell to complete. */
import { SETTINGS } from '../setting-names.ts'
import { Exit, parseCommandLine, UsageFault } from './usage.ts'

const USAGE = `kadns completion bash|zsh|fish: prints what the shell needs to complete the words of kadns.

For example:  kadns completion bash > ~/.local/share/bash-completion/completions/kadns
              kadns completion zsh > ~/.zfunc/_kadns
              kadns completion fish > ~/.config/fish/completions/kadns.fish
`
/** By command, the words that may follow it. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  up: [],
  resolve: [],
  queries: [],
  zone: ['create', 'list', 'show', 'set', 'unset', 'import', 'export', 'status', 'forget'],
  name: ['add', 'remove', 'list', 'export', 'import'],
  allow: [],
  key: ['list', 'backup', 'restore', 'revoke'],
  doctor: [],
  os: ['status', 'activate', 'deactivate'],
  token: ['create', 'list', 'remove'],
  keygen: [],
  sign: [],
  publish: [],
  testnet: [],
  completion: ['bash', 'zsh', 'fish'],
  help: [],
  version: [],
}
const OWN_FLAGS = [
  'help',
  'json',
  'follow',
  'trace',
  'words',
  'yes',
  'empty',
  'ttl',
  'out',
  'key',
  'passphrase-file',
  'about',
  'page',
  'config',
]

const SHELLS: Readonly<Record<string, () => string>> = { bash, zsh, fish }

export async function completion(given: readonly string[]): Promise<number> {
  const line = parseCommandLine(given)
  if (line.help) {
    process.stdout.write(USAGE)
    return Exit.done
  }
  const [shell = '', ...more] = line.words
  const script = Object.hasOwn(SHELLS, shell) && more.length === 0 ? SHELLS[shell] : undefined
  if (!script) throw new UsageFault(['kadns completion takes bash, zsh or fish.'])
  process.stdout.write(script())
  return Exit.done
}

function flags(): string[] {
  return [...OWN_FLAGS, ...SETTINGS.map(({ flag }) => flag)].map((flag) => `--${flag}`)
}

function bash(): string {
  const cases = Object.entries(WORDS)
    .filter(([, words]) => words.length > 0)
    .map(([command, words]) => `    ${command}) words="${words.join(' ')}" ;;`)
  return `_kadns() {
  local word=\${COMP_WORDS[COMP_CWORD]} words=
  if [[ $word == -* ]]; then words="${flags().join(' ')}"
  elif [[ $COMP_CWORD == 1 ]]; then words="${Object.keys(WORDS).join(' ')}"
  elif [[ $COMP_CWORD == 2 ]]; then case \${COMP_WORDS[1]} in
${cases.join('\n')}
    help) words="${Object.keys(WORDS).join(' ')}" ;;
  esac; fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
  [[ \${#COMPREPLY[@]} == 0 && $word != -* ]] && compopt -o default
}
complete -F _kadns kadns
`
}

function zsh(): string {
  return `#compdef kadns\nautoload -U +X bashcompinit && bashcompinit\n${bash()}`
}

function fish(): string {
  const commands = Object.keys(WORDS)
  const first = `complete -c kadns -n "not __fish_seen_subcommand_from ${commands.join(' ')}" -a "${commands.join(' ')}"`
  const second = Object.entries(WORDS)
    .filter(([, words]) => words.length > 0)
    .map(
      ([command, words]) =>
        `complete -c kadns -n "__fish_seen_subcommand_from ${command}" -a "${words.join(' ')}"`,
    )
  const long = flags().map((flag) => `complete -c kadns -l ${flag.slice(2)}`)
  return `${[first, ...second, ...long].join('\n')}\n`
}
