/** Run as a process by a test: publishes one zone after the other and tells each sequence, until it is killed. */
import { systemClock } from '../../src/clock.ts'
import { openDirectory } from '../../src/dht/directory.ts'
import { SECRET_OCTETS } from '../../src/zone/signature.ts'
import { signZone } from '../../src/zone/signed-zone.ts'
import { DEFAULT_SOA } from '../../src/zone/soa.ts'
import { silentLogger, TEST_DHT_CONFIG } from '../support/dht.ts'

const [path = ''] = process.argv.slice(2)
const directory = await openDirectory({
  path,
  clock: systemClock,
  logger: silentLogger,
  config: TEST_DHT_CONFIG,
})
process.stdout.write(`${directory.peerId}\n`)
for (let sequence = BigInt(Date.now()) * 1000n; ; sequence++) {
  const zone = signZone(Buffer.alloc(SECRET_OCTETS, 7), { sequence, soa: DEFAULT_SOA, records: [] })
  await directory.publish(zone, AbortSignal.timeout(5000))
  process.stdout.write(`${sequence}\n`)
}
