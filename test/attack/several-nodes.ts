/** Several nodes in one process, as `kadns testnet` has them, but known by a global address: each with a port and data of its own. */
import { join } from 'node:path'
import { pino } from 'pino'
import { readToken, tokenFile } from '../../src/api/token.ts'
import { loadConfig } from '../../src/config.ts'
import { openDaemon } from '../../src/daemon.ts'

const FIRST_PORT = 4601

/** Says on its output, as JSON, where each is. */
async function start([ip = '', count = '', directory = '', bootstrap = '']: string[]): Promise<void> {
  const nodes: object[] = []
  const known = bootstrap === '' ? [] : [bootstrap]
  for (let number = 0; number < Number(count); number++) {
    const data = join(directory, `${ip}-${number}`)
    const address = `/ip4/${ip}/tcp/${FIRST_PORT + number}`
    const flags = {
      data,
      'dns-listen': '127.0.0.1:0',
      'api-listen': '127.0.0.1:0',
      'upstream-servers': '',
      'dht-listen': address,
      'dht-announce': address,
      'dht-bootstrap': known.join(','),
    }
    const { config } = loadConfig({ flags, environment: {} })
    const { dns, api, peerId } = await openDaemon(config, { logger: pino({ level: 'silent' }) })
    const own = `${address}/p2p/${peerId}`
    if (known.length === 0) known.push(own)
    nodes.push({ dns: dns.join(','), api, token: await readToken(tokenFile(data)), addresses: [own] })
  }
  process.stdout.write(`${JSON.stringify({ nodes })}\n`)
}

await start(process.argv.slice(2))
