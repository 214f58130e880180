/** Which of its own addresses a node tells others, where it listens on all of them and none is announced. */
import assert from 'node:assert/strict'
import os from 'node:os'
import { test } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { MemoryDatastore } from 'datastore-core'
import { systemClock } from '../../src/clock.ts'
import { createHost } from '../../src/dht/host.ts'
import { TEST_DHT_CONFIG } from '../support/dht.ts'

const interfaceAt = (address: string): os.NetworkInterfaceInfo => ({
  address,
  netmask: '255.255.255.0',
  family: 'IPv4',
  mac: '00:00:00:00:00:00',
  internal: address.startsWith('127.'),
  cidr: `${address}/24`,
})

for (const [mode, told] of [
  ['server', ['127.0.0.1', '11.1.0.1']],
  ['auto', ['127.0.0.1']],
] as const) {
  test(`with mode ${mode} a node on a global address tells ${told.join(' and ')}`, async (t) => {
    const interfaces = { lo: [interfaceAt('127.0.0.1')], eth0: [interfaceAt('11.1.0.1')] }
    t.mock.method(os, 'networkInterfaces', () => interfaces)
    const config = { ...TEST_DHT_CONFIG, mode, listen: ['/ip4/0.0.0.0/tcp/0'] }
    const identity = await generateKeyPair('Ed25519')
    const datastore = new MemoryDatastore()
    await using host = await createHost({ config, datastore, identity, clock: systemClock })
    await host.node.start()
    const addresses = host.node.getMultiaddrs().map((address) => address.getComponents()[0]?.value)
    assert.deepEqual(addresses, told)
  })
}
