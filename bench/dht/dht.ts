/** `npm run bench:dht`: how fast zones are found and published, beside other DHTs where installed, in one run. */
import { execFileSync } from 'node:child_process'
import { cpus, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { say } from './nodes.ts'
import { PARTS, type PartOptions } from './parts.ts'

const HELP = `npm run bench:dht -- [options]: the DHT beside other DHTs, on loopback.

For example:  npm run bench:dht -- --only cold,publish --trials 50

  --only A,B   only these parts, of: ${Object.keys(PARTS).join(', ')}
  --trials N   measurements of each (200)
  --nodes N    nodes of each network (30)

The peers are installed by:  npm ci --ignore-scripts --prefix bench/peers
`

interface Wanted extends PartOptions {
  readonly parts: readonly (keyof typeof PARTS)[]
}

function options(): Wanted {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      trials: { type: 'string', default: '200' },
      nodes: { type: 'string', default: '30' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) end(HELP, 0)
  const parts = (values.only?.split(',') ?? Object.keys(PARTS)).map(part)
  return { parts, trials: positive('trials', values.trials), nodes: positive('nodes', values.nodes) }
}

function part(name: string): keyof typeof PARTS {
  if (!Object.hasOwn(PARTS, name))
    end(`--only: there is no part "${name}"; there are ${Object.keys(PARTS).join(', ')}.\n`, 2)
  return name as keyof typeof PARTS
}

function positive(name: string, text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) end(`--${name} is a whole number from 1, not "${text}".\n`, 2)
  return Number(text)
}

function end(words: string, code: number): never {
  ;(code === 0 ? process.stdout : process.stderr).write(words)
  process.exit(code)
}

function read(): Wanted {
  try {
    return options()
  } catch (cause) {
    return end(`${(cause as Error).message}\n`, 2)
  }
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8', stdio: 'pipe' }).trim()
  } catch {
    return 'unknown'
  }
}

const { parts, ...wanted } = read()
say(
  `${cpus()[0]?.model.trim()}, ${cpus().length} processors, load ${loadavg()[0]?.toFixed(1)}, Node ${process.version}, ` +
    `commit ${commit()}, ${new Date().toISOString().slice(0, 10)}; ${wanted.nodes} nodes, ${wanted.trials} trials`,
)
for (const name of parts) await PARTS[name](wanted)
