/** Asks over HTTPS (HTTP/2) as dnsperf does, and tells of it in dnsperf's words: that of Debian 12 ends when two answers come at once. */
import { readFileSync } from 'node:fs'
import { type ClientHttp2Session, connect } from 'node:http2'
import { parseArgs } from 'node:util'
import { DOH_PATH } from '../src/resolver/listeners/https.ts'
import { queryPacket } from '../test/support/queries.ts'

const CONNECTIONS = 4
/** Questions on their way over each, the hundred that dnsperf has in all. */
const IN_FLIGHT = 25
const DNS_HEADER_OCTETS = 12

const text = { type: 'string' } as const
const { values } = parseArgs({ options: { port: text, file: text, times: text, seconds: text } })
const paths = readFileSync(values.file ?? '', 'latin1')
  .trim()
  .split('\n')
  .map((question) => `${DOH_PATH}?dns=${queryPacket(question).toString('base64url')}`)
const began = performance.now()
const end = values.seconds ? began + Number(values.seconds) * 1000 : Number.POSITIVE_INFINITY
const wanted = values.times ? Number(values.times) * paths.length : Number.POSITIVE_INFINITY
let [asked, answered, good] = [0, 0, 0]

const mayAsk = () => asked < wanted && performance.now() < end

function ask(session: ClientHttp2Session): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const stream = session.request({ ':path': paths[asked++ % paths.length] })
  const pieces: Buffer[] = []
  stream.on('data', (piece: Buffer) => pieces.push(piece))
  stream.on('error', () => resolve(false))
  stream.on('end', () => {
    const reply = Buffer.concat(pieces)
    // RCODE 0, and an answer.
    resolve(reply.length > DNS_HEADER_OCTETS && (reply[3]! & 0xf) === 0 && reply.readUInt16BE(6) > 0)
  })
  return promise
}

async function keepAsking(session: ClientHttp2Session): Promise<void> {
  while (mayAsk()) {
    const isGood = await ask(session)
    good += Number(isGood)
    answered++
  }
}

const sessions = Array.from({ length: CONNECTIONS }, () =>
  connect(`https://127.0.0.1:${values.port}`, { rejectUnauthorized: false }),
)
await Promise.all(sessions.flatMap((session) => Array.from({ length: IN_FLIGHT }, () => keepAsking(session))))
const seconds = (performance.now() - began) / 1000
for (const session of sessions) session.close()
process.stdout.write(`  Queries completed:    ${answered} (100.00%)
  Queries lost:         0 (0.00%)
  Response codes:       NOERROR ${good} (${((100 * good) / answered).toFixed(2)}%)
  Queries per second:   ${(answered / seconds).toFixed(6)}
`)
