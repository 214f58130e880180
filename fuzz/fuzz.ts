/** `npm run fuzz`: changed packets, zones, frames and zone files against every parser, and against the ports and the REST of a running node. */
import { randomInt } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { MAX_MILLISECONDS, type Plan, type Result } from './cases.ts'
import { runPorts } from './ports.ts'
import { runRest } from './rest.ts'
import { TARGETS } from './targets.ts'
import { runWatched } from './watch.ts'

const NAMES = [...Object.keys(TARGETS), 'ports', 'rest']
const COUNT = 20_000
const PROGRESS_EVERY = 5000

const HELP = `npm run fuzz -- [options]: changes good octets at random and gives them to everything that reads octets from outside.

For example:  npm run fuzz -- --target codec,zone --time 60
              npm run fuzz -- --seed 7 --target codec --case 1234

  --seed N        begin of all chance; a new one each time, and always printed
  --target NAMES  ${NAMES.join(', ')}, or all (the default)
  --count N       inputs of each target (${COUNT})
  --time SECONDS  for all targets together, in place of --count
  --case K        this case alone, or --count cases from it
  --input HEX     these octets alone

It ends with 1 when something was found: a throw that is no fault of the room's own, a result that contradicts itself,
work over ${MAX_MILLISECONDS} ms (the shortest of several runs), a case without an end, memory that grows, a good question without an answer.
`

class UsageFault extends Error {}

interface Wanted {
  readonly seed: number
  readonly targets: readonly string[]
  readonly plan: Omit<Plan, 'target'>
}

const text = { type: 'string' } as const
const options = {
  seed: text,
  target: text,
  count: text,
  time: text,
  case: text,
  input: text,
  help: { type: 'boolean' },
} as const

/** @throws UsageFault */
function wantedFrom(words: readonly string[]): Wanted | undefined {
  const { values } = parse(words)
  if (values.help) return undefined
  const targets = (values.target ?? 'all').split(',').flatMap((name) => (name === 'all' ? NAMES : [name]))
  const stranger = targets.find((name) => !NAMES.includes(name))
  if (stranger !== undefined)
    throw new UsageFault(`There is no target "${stranger}"; there are ${NAMES.join(', ')}.`)
  const seed = number('seed', values.seed) ?? randomInt(2 ** 32)
  const time = number('time', values.time)
  const one = values.case !== undefined || values.input !== undefined
  const count = number('count', values.count) ?? (one ? 1 : time === undefined ? COUNT : Infinity)
  const plan = {
    seed,
    count,
    time: time === undefined ? Infinity : (time * 1000) / targets.length,
    first: number('case', values.case) ?? 0,
    input: octets(values.input),
    maxMilliseconds: MAX_MILLISECONDS,
  }
  return { seed, targets, plan }
}

function parse(words: readonly string[]) {
  try {
    return parseArgs({ args: [...words], options })
  } catch (fault) {
    throw new UsageFault(`${(fault as Error).message.split('. ')[0]}.`)
  }
}

function number(flag: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined
  if (!/^\d{1,10}$/.test(value)) throw new UsageFault(`--${flag} takes a whole number, not "${value}".`)
  return Number(value)
}

function octets(hex: string | undefined): Buffer | undefined {
  if (hex !== undefined && !/^(?:[\da-f]{2})*$/i.test(hex)) throw new UsageFault('--input takes hexadecimal.')
  return hex === undefined ? undefined : Buffer.from(hex, 'hex')
}

const megabytes = (size: number) => `${(size / 1e6).toFixed(1)} MB`

function rate({ inputs, milliseconds }: Result): string {
  const seconds = milliseconds / 1000
  return `${inputs} inputs in ${seconds.toFixed(1)} s, ${Math.round(inputs / Math.max(seconds, 0.001))}/s`
}

/** A line every five seconds. */
function progressLine(): (result: Result) => void {
  let told = performance.now()
  return (result) => {
    if (performance.now() - told < PROGRESS_EVERY) return
    told = performance.now()
    const memory =
      result.heap.end > 0 ? `heap ${megabytes(result.heap.end)}` : `RSS ${megabytes(result.rss.end)}`
    const slowest = `${result.slowest.milliseconds.toFixed(2)} ms`
    process.stderr.write(`  ${result.target}: ${rate(result)}, slowest ${slowest}, ${memory}\n`)
  }
}

function summary(result: Result): string {
  const { target, outcomes, slowest, heap, rss } = result
  const file = join(tmpdir(), `kadns-fuzz-slowest-${target}.hex`)
  writeFileSync(file, `${slowest.hex}\n`)
  const counted = Object.entries(outcomes).map(([word, count]) => `${word} ${count}`)
  const memory = [
    ...(heap.start > 0 ? [`heap ${megabytes(heap.start)} to ${megabytes(heap.end)}`] : []),
    rss.start > 0 ? `RSS ${megabytes(rss.start)} to ${megabytes(rss.end)}` : 'RSS not measured here',
  ]
  return [
    `${target}: ${rate(result)}`,
    `  ${counted.join(', ')}`,
    `  slowest ${slowest.milliseconds.toFixed(2)} ms: case ${slowest.number}, ${slowest.hex.length / 2} octets in ${file}`,
    `  ${memory.join(', ')}`,
    '',
  ].join('\n')
}

function tell({ target, number: at, cases, what, hex }: Result['findings'][number], seed: number): string {
  const file = join(tmpdir(), `kadns-fuzz-${target}-${seed}-${at}.hex`)
  writeFileSync(file, `${hex}\n`)
  const which = cases === 0 ? '' : ` --case ${at}${cases > 1 ? ` --count ${cases}` : ''}`
  const again = `--seed ${seed} --target ${target}${which}`
  return `FOUND by ${target}, seed ${seed}, case ${at}: ${what}\n  again: npm run fuzz -- ${again}\n  input (in ${file}): ${hex.slice(0, 2000)}\n`
}

/** Those that need a node. */
const LIVE: Record<string, typeof runPorts> = { ports: runPorts, rest: runRest }

async function fuzz({ seed, targets, plan }: Wanted): Promise<number> {
  process.stdout.write(`seed ${seed}\n`)
  let found = 0
  for (const target of targets) {
    const run = LIVE[target] ?? runWatched
    const result = await run({ ...plan, target }, progressLine())
    process.stdout.write(summary(result))
    for (const finding of result.findings) process.stdout.write(tell(finding, seed))
    found += result.findings.length
  }
  process.stdout.write(found === 0 ? 'Nothing was found.\n' : `${found} found.\n`)
  return found === 0 ? 0 : 1
}

try {
  const wanted = wantedFrom(process.argv.slice(2))
  if (wanted) process.exitCode = await fuzz(wanted)
  else process.stdout.write(HELP)
} catch (fault) {
  if (!(fault instanceof UsageFault)) throw fault
  process.stderr.write(`fuzz: ${fault.message}\n`)
  process.exitCode = 2
}
