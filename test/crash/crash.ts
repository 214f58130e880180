/** `npm run crash`: SIGKILL at random moments of publishing; no acknowledged publish may be lost, no floor lowered, no opening slow. */
// Measured on 23 November 2026, on a machine of two cores, with --count 100 --seed 20261123: 1081 publishes acknowledged (275 of
// them by the witness too) and 297 of the foreign zone; 90 in flight at the kill, of which 39 were there afterwards; 0 lost, 0
// floors lowered; the store of two zones open in 6 ms (median), 13 ms at most; REST answering in 1136 ms, 1393 ms at most.
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { Chance } from '../../fuzz/random.ts'
import { Workplace } from '../cli/kadns.ts'
import { Killing } from './killing.ts'

const HELP = `npm run crash -- [options]: kills a node while it publishes, and looks at what is there afterwards.

For example:  npm run crash -- --count 100 --seed 7

  --count N  kills (100)
  --seed N   begin of all chance; a new one each time, and always printed

It ends with 1 when a publish that was acknowledged is lost, a floor is lowered, or the store takes a second to open.
A killed process leaves what it wrote to the system: a power cut, which may not, is not tried here.
`
const PROGRESS_EVERY = 10
/** Milliseconds the store may take to open. */
const PATIENCE = 1000

interface Wanted {
  readonly count: number
  readonly seed: number
}

function read(): Wanted {
  const text = { type: 'string' } as const
  try {
    const { values } = parseArgs({ options: { count: text, seed: text, help: { type: 'boolean' } } })
    if (values.help) end(HELP, 0)
    const count = number('count', values.count) ?? 100
    if (count === 0) throw new Error('--count is at least 1.')
    return { count, seed: number('seed', values.seed) ?? randomInt(2 ** 32) }
  } catch (fault) {
    return end(`${(fault as Error).message}\n`, 2)
  }
}

function number(flag: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined
  if (!/^\d{1,10}$/.test(value)) throw new Error(`--${flag} takes a whole number, not "${value}".`)
  return Number(value)
}

function end(words: string, code: number): never {
  ;(code === 0 ? process.stdout : process.stderr).write(words)
  process.exit(code)
}

/** Median and slowest. */
function times(milliseconds: readonly number[]): string {
  const sorted = milliseconds.toSorted((a, b) => a - b)
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0
  return `median ${median.toFixed(0)} ms, slowest ${(sorted.at(-1) ?? 0).toFixed(0)} ms`
}

function summary(killing: Killing): string {
  const { kills, acknowledged, inFlight, lost, lowered } = killing
  return [
    ...[...lost, ...lowered].map((miss) => `MISS ${miss}`),
    `kills ${kills}`,
    `publishes acknowledged ${acknowledged.own}, ${acknowledged.onWitness} of them by the witness too; of the foreign zone ${acknowledged.foreign}`,
    `in flight at the kill ${inFlight.all}, ${inFlight.kept} of them there afterwards`,
    `lost ${lost.length}`,
    `floors lowered ${lowered.length}`,
    `opening the store (both zones): ${times(killing.openings)}`,
    `start of the process until REST answers: ${times(killing.starts)}`,
    '',
  ].join('\n')
}

async function crash({ count, seed }: Wanted): Promise<number> {
  process.stdout.write(`seed ${seed}\n`)
  await using place = await Workplace.open()
  const killing = await Killing.begin(place)
  while (killing.kills < count) {
    await killing.round(new Chance(seed, 'crash', killing.kills))
    const { kills, acknowledged, lost, lowered } = killing
    if (kills % PROGRESS_EVERY === 0)
      process.stderr.write(
        `  ${kills} kills, ${acknowledged.own} acknowledged, ${lost.length} lost, ${lowered.length} floors lowered\n`,
      )
  }
  process.stdout.write(summary(killing))
  const isSlow = killing.openings.some((milliseconds) => milliseconds >= PATIENCE)
  return killing.lost.length + killing.lowered.length > 0 || isSlow ? 1 : 0
}

process.exitCode = await crash(read())
