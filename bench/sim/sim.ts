/** `npm run sim`: what lookups cost and survive in networks too large for one machine, by the product's own engine. */
import { parseArgs } from 'node:util'
import { defaultConfig, type Row, type RowResult, type SimOptions } from './options.ts'
import { honestRow } from './row-honest.ts'
import { keeperRow } from './row-keeper.ts'
import { killed70Row, killed90Row } from './row-killed.ts'
import { liarsRow } from './row-liars.ts'
import { networkRow } from './row-network.ts'
import { nightRow } from './row-night.ts'
import { sybilsRow } from './row-sybils.ts'

const ROWS: readonly Row[] = [
  networkRow,
  killed70Row,
  killed90Row,
  liarsRow,
  sybilsRow,
  honestRow,
  nightRow,
  keeperRow,
]

const HELP = `npm run sim -- [options]: all rows, or those named; 1 is the exit code when one misses its target.

For example:  npm run sim -- --only killed-70 --trials 300

  --only ROW,ROW    of ${ROWS.map(({ name }) => name).join(', ')}
  --seed TEXT       another draw of all chance (1)
  --trials N        of each row (as many as its target takes)
  --nodes N         of each network (as the row says)
  --round-trip MS   of one link (50)
  --spread S        deviation of a round trip's logarithm; 0: all links are alike (0)
  --warm N          connections a node opens into each bucket (as dht.links_per_bucket)
`

function read(): { rows: readonly Row[]; options: SimOptions } {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      seed: { type: 'string', default: '1' },
      trials: { type: 'string' },
      nodes: { type: 'string' },
      'round-trip': { type: 'string', default: '50' },
      spread: { type: 'string', default: '0' },
      warm: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) end(HELP, 0)
  const config = defaultConfig()
  const options: SimOptions = {
    config,
    seed: values.seed,
    trials: values.trials === undefined ? undefined : numberOf('trials', values.trials),
    nodes: values.nodes === undefined ? undefined : numberOf('nodes', values.nodes),
    roundTrip: numberOf('round-trip', values['round-trip']),
    spread: numberOf('spread', values.spread),
    warm: values.warm === undefined ? config.linksPerBucket : numberOf('warm', values.warm),
    progress: () => undefined,
  }
  return { rows: values.only === undefined ? ROWS : values.only.split(',').map(rowOf), options }
}

function rowOf(name: string): Row {
  return ROWS.find((row) => row.name === name) ?? end(`There is no row "${name}".\n\n${HELP}`, 2)
}

function numberOf(name: string, text: string): number {
  if (!/^\d{1,7}(\.\d{1,3})?$/.test(text)) end(`--${name} is a number, not "${text}".\n`, 2)
  return Number(text)
}

function end(words: string, code: number): never {
  ;(code === 0 ? process.stdout : process.stderr).write(words)
  process.exit(code)
}

function show({ name, what }: Row, { trials, nodes, checks, notes }: RowResult, seed: string): void {
  const lines = [
    `${name}: ${what}`,
    `  ${trials} trials, ${nodes} nodes, seed ${seed}`,
    ...checks.map(({ target, figure, met }) => `  ${met ? 'reached' : 'MISSED '}  ${target}: ${figure}`),
    ...notes.map((note) => `           ${note}`),
  ]
  process.stdout.write(`${lines.join('\n')}\n\n`)
}

function wanted(): ReturnType<typeof read> {
  try {
    return read()
  } catch (cause) {
    return end(`${(cause as Error).message}\n`, 2)
  }
}

const { rows, options } = wanted()
const missed: string[] = []
for (const row of rows) {
  const progress = (words: string) => process.stderr.write(`${row.name}: ${words}\n`)
  const result = await row.run({ ...options, progress })
  show(row, result, options.seed)
  if (result.checks.some(({ met }) => !met)) missed.push(row.name)
}
if (missed.length > 0) {
  process.stdout.write(`Missed: ${missed.join(', ')}.\n`)
  process.exitCode = 1
}
