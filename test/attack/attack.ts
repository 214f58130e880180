/** `npm run attack`: real nodes with global addresses in network namespaces, attackers beside them, and what came of it. */
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { flooded } from './flooded.ts'
import { forged } from './forged.ts'
import { killed } from './killed.ts'
import { crowded } from './many-peers.ts'
import { replayed, stubborn } from './old-records.ts'
import type { Row } from './row.ts'
import { World } from './world.ts'

const ROWS: Readonly<Record<string, Row>> = { replayed, stubborn, crowded, flooded, forged, killed }

const HELP = `npm run attack -- [options]: real nodes with global addresses, and attackers beside them.

For example:  npm run attack -- --only flooded --seed 7

  --only ROW   one of ${Object.keys(ROWS).join(', ')}
  --seed N     begin of the attackers' chance; a new one each time, and always printed

Needs Linux, root, ip and dig. Every machine is a network namespace on one wire that leads nowhere else. A row a line: what was
tried, what was seen, what is wanted, pass or MISSED. It ends with 1 when a row is missed.
`

interface Wanted {
  readonly rows: readonly [string, Row][]
  readonly seed: number
}

function read(): Wanted {
  const text = { type: 'string' } as const
  try {
    const { values } = parseArgs({ options: { only: text, seed: text, help: { type: 'boolean' } } })
    if (values.help) end(HELP, 0)
    const { only, seed } = values
    const rows = Object.entries(ROWS).filter(([name]) => only === undefined || name === only)
    if (rows.length === 0)
      throw new Error(`--only takes one of ${Object.keys(ROWS).join(', ')}, not "${only}".`)
    if (seed !== undefined && !/^\d{1,10}$/.test(seed))
      throw new Error(`--seed takes a whole number, not "${seed}".`)
    if (process.platform !== 'linux' || process.getuid?.() !== 0)
      throw new Error('npm run attack makes network namespaces: it needs Linux, and root.')
    return { rows, seed: seed === undefined ? randomInt(2 ** 32) : Number(seed) }
  } catch (fault) {
    return end(`${(fault as Error).message}\n`, 2)
  }
}

function end(words: string, code: number): never {
  ;(code === 0 ? process.stdout : process.stderr).write(words)
  process.exit(code)
}

/** @returns whether it passed */
async function show(name: string, row: Row, seed: number): Promise<boolean> {
  const began = performance.now()
  const world = await World.open()
  running = world
  try {
    await world.fill(row.nodes)
    const { seen, wanted, passed } = await row.run(world, `${seed}/${name}`)
    const seconds = ((performance.now() - began) / 1000).toFixed(0)
    const verdict = passed ? 'pass' : 'MISSED'
    process.stdout.write(`${name} | ${row.tried} | ${seen} | wanted: ${wanted} | ${verdict} (${seconds} s)\n`)
    return passed
  } catch (cause) {
    // Whoever interrupts it is not told that everything broke.
    if (!ending) process.stdout.write(`${name} | ${row.tried} | ${(cause as Error).stack} | MISSED\n`)
    return false
  } finally {
    running = undefined
    await world[Symbol.asyncDispose]()
  }
}

let running: World | undefined
let ending: Promise<never> | undefined

/** Ctrl-C: namespaces and processes do not stay. */
async function endEarly(): Promise<never> {
  await running?.[Symbol.asyncDispose]()
  process.exit(130)
}

const { rows, seed } = read()
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    ending ??= endEarly()
  })
process.stdout.write(`seed ${seed}\n`)
let missed = 0
for (const [name, row] of rows) {
  if (!(await show(name, row, seed))) missed++
  await ending
}
process.stdout.write(`${rows.length - missed} of ${rows.length} rows passed\n`)
process.exit(missed > 0 ? 1 : 0)
