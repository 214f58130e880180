/** `npm run bench`: how fast, as ratios to others in one run. Takes about four minutes. */
import { parseArgs } from 'node:util'
import { benchLong, benchStreams, benchUdp } from './cached.ts'
import type { Span } from './dnsperf.ts'
import { benchMiss } from './miss.ts'
import { benchParts } from './parts.ts'
import { isInstalled } from './servers.ts'

/** What can be measured, and whether dnsperf does it. */
const ROWS: Record<string, { run: (span: Span) => Promise<void> | void; dnsperf?: true }> = {
  udp: { run: benchUdp, dnsperf: true },
  streams: { run: benchStreams, dnsperf: true },
  long: { run: benchLong, dnsperf: true },
  miss: { run: benchMiss },
  parts: { run: benchParts },
}

const HELP = `npm run bench -- [options]: answers from memory and misses beside other servers, then the parts alone.

For example:  npm run bench -- --only udp --rounds 12

  --only ROWS  of udp (plain; with EDNS and a cookie), streams (TCP, TLS, HTTPS), long (100 records beside one), miss, parts
  --rounds N   turns of each server (5)
  --seconds N  of each turn (2)
`

interface Wanted extends Span {
  readonly rows: readonly string[]
}

function options(): Wanted {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', default: Object.keys(ROWS).join() },
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '2' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) end(HELP, 0)
  const rows = values.only.split(',')
  const stranger = rows.find((row) => !Object.hasOwn(ROWS, row))
  if (stranger !== undefined)
    end(`There is no row "${stranger}"; there are ${Object.keys(ROWS).join(', ')}.\n`, 2)
  return { rows, rounds: positive('rounds', values.rounds), seconds: positive('seconds', values.seconds) }
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

const wanted = read()
for (const name of wanted.rows) {
  const { run, dnsperf } = ROWS[name]!
  if (!dnsperf || isInstalled('dnsperf')) await run(wanted)
  else process.stdout.write(`${name}: dnsperf is not installed (Debian: apt-get install dnsperf).\n`)
}
