#!/usr/bin/env node
/** `kadns`: finds the command, runs it, and turns what went wrong into words and an exit code. */
import { ConfigFault } from '../config.ts'
import { NotReachedFault, RefusedFault } from './node-client.ts'
import { Exit, HELP, UsageFault } from './usage.ts'

type Command = (words: readonly string[]) => Promise<number>

/** Loaded when called: `kadns token` need not wait for libp2p. */
const COMMANDS: Record<string, () => Promise<Command>> = {
  up: async () => (await import('./up.ts')).up,
  token: async () => (await import('./token.ts')).token,
  resolve: async () => (await import('./resolve.ts')).resolve,
  queries: async () => (await import('./queries.ts')).queries,
  zone: async () => (await import('./zone.ts')).zone,
  name: async () => (await import('./name.ts')).name,
  allow: async () => (await import('./allow.ts')).allow,
  key: async () => (await import('./key.ts')).key,
  keygen: async () => (await import('./keygen.ts')).keygen,
  sign: async () => (await import('./sign.ts')).sign,
  publish: async () => (await import('./publish.ts')).publish,
  doctor: async () => (await import('./doctor.ts')).doctor,
  os: async () => (await import('./os.ts')).os,
  completion: async () => (await import('./completion.ts')).completion,
  testnet: async () => (await import('./testnet.ts')).testnet,
  help: async () => help,
  version: async () => (await import('./version.ts')).version,
}

/** `kadns help up` is `kadns up --help`. */
async function help([word = '--help']: readonly string[]): Promise<number> {
  if (!word.startsWith('-')) return run([word, '--help'])
  process.stdout.write(HELP)
  return Exit.done
}

async function run([word = 'help', ...words]: readonly string[]): Promise<number> {
  const name = word === '--help' || word === '-h' ? 'help' : word === '--version' ? 'version' : word
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (!load) throw new UsageFault([`There is no command "${word}"; kadns help lists them.`])
  const command = await load()
  return command(words)
}

/** A fault as people are told it. What is no fault of a room is a bug, and keeps its stack. */
function told(fault: unknown): { readonly sentences: readonly string[]; readonly code: number } {
  if (fault instanceof ConfigFault || fault instanceof UsageFault)
    return { sentences: fault.faults, code: Exit.usage }
  if (fault instanceof RefusedFault) return { sentences: fault.sentences, code: Exit.refused }
  if (fault instanceof NotReachedFault) return { sentences: [fault.message], code: Exit.notReached }
  if (fault instanceof Error && fault.name.endsWith('Fault'))
    return { sentences: [fault.message], code: Exit.refused }
  throw fault
}

try {
  process.exitCode = await run(process.argv.slice(2))
} catch (fault) {
  const { sentences, code } = told(fault)
  process.stderr.write(sentences.map((sentence) => `kadns: ${sentence}\n`).join(''))
  process.exitCode = code
}
