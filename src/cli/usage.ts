/** Words on the command line: flags to settings, and help that lists them. */
import { type Config, loadConfig } from '../config.ts'
import { SETTINGS } from '../setting-names.ts'

/** Exit codes, the same for every command. */
export const Exit = { done: 0, refused: 1, usage: 2, notReached: 3 } as const

/** A command line that cannot be understood. */
export class UsageFault extends Error {
  override readonly name = 'UsageFault'
  readonly faults: readonly string[]

  constructor(faults: readonly string[]) {
    super(faults.join('\n'))
    this.faults = faults
  }
}

export interface CommandLine {
  /** What is no flag, in order. */
  readonly words: readonly string[]
  /** By name without dashes. A flag that is given without a value is ''. */
  readonly flags: Readonly<Record<string, string>>
  /** Flags that take no value, of those that were given. */
  readonly switches: ReadonlySet<string>
  readonly json: boolean
  readonly help: boolean
  /** Whether to go on until it is interrupted. */
  readonly follow: boolean
}

/** Flags that take no value. */
const SWITCHES = new Set([
  'json',
  'help',
  'follow',
  'words',
  'yes',
  'empty',
  'trace',
  'tsig',
  'list',
  'everything',
])

/** `--flag value` and `--flag=value`; SWITCHES take none. */
export function parseCommandLine(given: readonly string[]): CommandLine {
  const words: string[] = []
  const flags: Record<string, string> = {}
  const switches = new Set<string>()
  const faults: string[] = []
  const rest = [...given]
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const [, flag, inline] = /^--([a-z-]+)(?:=([\s\S]*))?$/.exec(word) ?? []
    if (flag === undefined && word !== '-h') words.push(word)
    else if (flag === undefined || SWITCHES.has(flag)) switches.add(flag ?? 'help')
    else takeValue(flag, inline ?? nextValue(rest), { flags, faults })
  }
  if (faults.length > 0) throw new UsageFault(faults)
  return {
    words,
    flags,
    switches,
    json: switches.has('json'),
    help: switches.has('help'),
    follow: switches.has('follow'),
  }
}

/** Parts the flags of one command from the settings, which every command takes. */
export function withFlags<Name extends string>(
  line: CommandLine,
  names: readonly Name[],
): { own: Partial<Record<Name, string>>; line: CommandLine } {
  const isOwn = ([flag]: [string, string]) => names.some((name) => name === flag)
  const all = Object.entries(line.flags)
  const own = Object.fromEntries(all.filter(isOwn)) as Partial<Record<Name, string>>
  return { own, line: { ...line, flags: Object.fromEntries(all.filter((flag) => !isOwn(flag))) } }
}

/** A value that begins with dashes has to be written `--flag=--value`. */
function nextValue(rest: string[]): string | undefined {
  return rest[0]?.startsWith('--') ? undefined : rest.shift()
}

function takeValue(
  flag: string,
  value: string | undefined,
  { flags, faults }: { flags: Record<string, string>; faults: string[] },
): void {
  if (value === undefined) faults.push(`--${flag} needs a value.`)
  else flags[flag] = value
}

/** The settings in force for a command, warnings told on stderr. @throws ConfigFault */
export function configFor({ flags }: CommandLine): Config {
  const { config, warnings } = loadConfig({ flags, environment: process.env })
  process.stderr.write(warnings.map((sentence) => `kadns: ${sentence}\n`).join(''))
  return config
}

export const HELP = `kadns: a DNS without a root. Names belong to keys; nobody holds the book.

  kadns up [settings]             run a node until it is interrupted
  kadns resolve NAME [TYPE]       ask the running node for a name; --trace shows how it is found
  kadns queries [TEXT]            show the questions of late, where dns.query_log keeps them
  kadns zone …                    make zones, show and change them: create, list, show, set, unset, import, export
  kadns name …                    petnames: what people here call keys: add, remove, list, export, import
  kadns allow KEY                 let the zone of somebody else lead to private addresses
  kadns key …                     copies of keys, and their end: list, backup, restore, revoke
  kadns doctor                    say what is wrong here, and what helps
  kadns os …                      let this system's programs ask the node, and put it back: status, activate, deactivate
  kadns token                     print the token that writing over REST takes
  kadns keygen                    make a key, in a file, without a node
  kadns sign ZONEFILE --key FILE  sign a zone file with it, without a node
  kadns publish PACKET...         hand what was signed to the running node
  kadns testnet N                 run N nodes (1 to 100) that know each other, to play with
  kadns completion SHELL          what bash, zsh or fish need to complete these words
  kadns help [COMMAND] | version

  --json   JSON instead of words (all but up and help)
  --help   behind a command: how it is used

Exit codes: 0 done, 1 refused or not found, 2 wrong usage or settings, 3 the node was not reached.

For example:
  kadns up --dns-listen 127.0.0.1:53 --dht-bootstrap /ip4/192.0.2.1/tcp/4601/p2p/12D3KooW…
  kadns resolve www.example.org AAAA
`

/** Every setting as a flag, with its default. */
export function settingsHelp(): string {
  const rows = SETTINGS.map(({ flag, environment, option }) => {
    const standard = option.default === '' ? 'empty' : option.default
    return `  --${flag}  (${environment})\n      ${option.about}\n      Default: ${standard}\n`
  })
  return `Settings, from --config FILE or KADNS_CONFIG (TOML), then the environment, then flags:\n\n${rows.join('')}`
}
