/** `npm run bench`: how fast, as ratios to others in one run. Takes about three minutes. */
import { parseArgs } from 'node:util'
import { benchCached } from './cached.ts'
import { benchParts } from './parts.ts'
import { isInstalled } from './servers.ts'

const HELP = `npm run bench -- [options]: answers from memory beside other servers, then the parts alone.

For example:  npm run bench -- --rounds 5

  --rounds N   turns of each server (12)
  --seconds N  of each turn (2)
`

function options(): { rounds: number; seconds: number } {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '12' },
      seconds: { type: 'string', default: '2' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) end(HELP, 0)
  return { rounds: positive('rounds', values.rounds), seconds: positive('seconds', values.seconds) }
}

function positive(name: string, text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) end(`--${name} is a whole number from 1, not "${text}".\n`, 2)
  return Number(text)
}

function end(words: string, code: number): never {
  ;(code === 0 ? process.stdout : process.stderr).write(words)
  process.exit(code)
}

function read(): { rounds: number; seconds: number } {
  try {
    return options()
  } catch (cause) {
    return end(`${(cause as Error).message}\n`, 2)
  }
}

const wanted = read()
if (isInstalled('dnsperf')) await benchCached(wanted)
else
  process.stdout.write(
    'dnsperf is not installed (Debian: apt-get install dnsperf): no servers are measured.\n',
  )
benchParts()
