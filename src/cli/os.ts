/** `kadns os …`: this system's own DNS settings, changed so that its programs ask the node, and put back as they were. */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Config } from '../config.ts'
import { formatName } from '../dns/name.ts'
import { isSystemError, systemReason } from '../system.ts'
import { RefusedFault } from './node-client.ts'
import { doorOf, isAnswering } from './node-url.ts'
import { AFTER, type Manager, managerOf, type Plan, PlanFault, planFor, type Reach } from './os/plans.ts'
import { SavedFileFault, SavedFiles } from './os/saved-files.ts'
import { type CommandLine, configFor, Exit, parseCommandLine, UsageFault, withFlags } from './usage.ts'

const USAGE = `kadns os: this system's own DNS settings.

  kadns os status                                whom the system asks, and whether that was changed here
  kadns os activate [--everything] [--yes]       let it ask the node for names under kad.alt; --everything: for all names
  kadns os deactivate [--yes]                    put everything back as it was found

Without --yes it is shown what would be changed, and nothing is. systemd-resolved, NetworkManager, a plain resolv.conf, macOS and
Windows are known. What is found is kept before it is changed, under /var/lib/kadns-os. Settings (--dns-listen) say where the
node is; --root DIRECTORY takes the system whose files are there, and runs no commands.

For example:  sudo kadns os activate
              sudo kadns os activate --yes
`
const COMMANDS = 'commands.json'

interface System {
  readonly root: string
  /** Whether it is the one that this runs on: then commands are run. */
  readonly isThis: boolean
  readonly folder: string
  readonly saved: SavedFiles
  readonly line: CommandLine
  readonly config: Config
}

export async function os(given: readonly string[]): Promise<number> {
  const { own, line } = withFlags(parseCommandLine(given), ['root'])
  if (line.help) {
    process.stdout.write(USAGE)
    return Exit.done
  }
  const [word = '', ...more] = line.words
  const action = { status, activate, deactivate }[word]
  if (!action || more.length > 0)
    throw new UsageFault(['kadns os takes status, activate or deactivate; kadns os --help shows how.'])
  const root = own.root ?? '/'
  const folder = stateFolder(root)
  const system = { root, folder, isThis: own.root === undefined, saved: new SavedFiles(folder), line }
  return await action({ ...system, config: configFor(line) }).catch((fault: unknown) => {
    throw refusalOf(fault, folder)
  })
}

function stateFolder(root: string): string {
  if (process.platform !== 'win32') return join(root, 'var/lib/kadns-os')
  return join(process.env['ProgramData'] ?? 'C:\\ProgramData', 'kadns-os')
}

function refusalOf(fault: unknown, folder: string): unknown {
  if (fault instanceof PlanFault || fault instanceof SavedFileFault)
    return new RefusedFault(0, [fault.message])
  if (!isSystemError(fault)) return fault
  const remedy = fault.code === 'EACCES' || fault.code === 'EPERM' ? ' Try it with sudo.' : ''
  const sentence = `${fault.path ?? folder} cannot be changed: ${systemReason(fault)}.${remedy}`
  return new RefusedFault(0, [sentence])
}

async function status({ root, saved, line, config }: System): Promise<number> {
  const manager = managerOf(root, process.platform)
  const door = doorOf(config)
  const changed = saved.paths().map((path) => ({ path, ours: saved.isOurs(path) }))
  const answers = await isAnswering(config, door)
  if (line.json) {
    process.stdout.write(`${JSON.stringify({ manager, door, answers, changed })}\n`)
    return Exit.done
  }
  const where = `${door.host} port ${door.port}`
  say(`Name servers are looked after by ${manager} here.`)
  say(answers ? `A node answers at ${where}.` : `No node answers at ${where}.`)
  for (const { path, ours } of changed)
    say(
      ours
        ? `${path} was changed by kadns os activate.`
        : `${path} was changed by kadns, and by somebody else since.`,
    )
  if (changed.length === 0) say('Nothing was changed by kadns.')
  return Exit.done
}

async function activate(system: System): Promise<number> {
  const { root, folder, saved, line, config } = system
  const reach: Reach = line.switches.has('everything') ? 'everything' : 'names'
  const door = doorOf(config)
  const suffix = formatName(config.names.suffix).slice(0, -1)
  const manager = managerOf(root, process.platform)
  const plan = planFor(manager, { reach, door, suffix }, root)
  show(plan, manager)
  if (!line.switches.has('yes')) return ask()
  // A machine that asks nobody has no names at all.
  if (!(await isAnswering(config, door)))
    throw new RefusedFault(0, [
      `No node answers at ${door.host} port ${door.port}; nothing was changed. Start it first.`,
    ])
  for (const { path, text } of plan.files) saved.write(path, text)
  if (plan.commands.length > 0) {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    writeFileSync(join(folder, COMMANDS), JSON.stringify(plan.commands.map(({ undo }) => undo)))
  }
  await runAll([...plan.commands.map(({ run }) => run), ...AFTER[manager]], system)
  say('It is done; kadns os deactivate --yes takes it back.')
  return Exit.done
}

async function deactivate(system: System): Promise<number> {
  const { root, folder, saved, line } = system
  const paths = saved.paths()
  const file = join(folder, COMMANDS)
  const undo = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as string[][]) : []
  if (paths.length === 0 && undo.length === 0) {
    say('There is nothing to put back.')
    return Exit.done
  }
  for (const path of paths) say(`put back: ${path}`)
  for (const words of undo) say(`run: ${words.join(' ')}`)
  if (!line.switches.has('yes')) return ask()
  for (const path of paths)
    if (!saved.putBack(path)) say(`${path} was changed by somebody else since, and stays as it is.`)
  await runAll([...undo, ...AFTER[managerOf(root, process.platform)]], system)
  rmSync(folder, { recursive: true, force: true })
  say('Everything is as it was found.')
  return Exit.done
}

function show({ files, commands, notes }: Plan, manager: Manager): void {
  for (const { path, text } of files) say(`${path} becomes:\n${text.replace(/^/gm, '    ').trimEnd()}`)
  for (const { run } of commands) say(`run: ${run.join(' ')}`)
  for (const words of AFTER[manager]) say(`run: ${words.join(' ')}`)
  for (const note of notes) say(`Note: ${note}`)
}

function ask(): number {
  say('Nothing was changed: add --yes.')
  return Exit.done
}

/** Not where the files are those of another system. One that fails is told, and the others are run all the same. */
async function runAll(commands: readonly (readonly string[])[], { isThis }: System): Promise<void> {
  if (!isThis) return
  for (const [command = '', ...words] of commands) {
    await promisify(execFile)(command, words).catch((fault: Error) => {
      process.stderr.write(`kadns: ${command} ${words.join(' ')} failed: ${fault.message.trim()}\n`)
    })
  }
}

function say(sentence: string): void {
  process.stdout.write(`${sentence}\n`)
}
