/** A machine without a way to its upstream servers, as at the start of a laptop: that is a fault of the question, and nothing falls over. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RecordClass, RecordType } from '../../src/dns/message.ts'
import { parseName } from '../../src/dns/name.ts'
import { makeOutgoing } from '../../src/resolver/upstreams/exchange.ts'
import { exchangeUdp } from '../../src/resolver/upstreams/udp.ts'

/** The system lets no socket be connected to it that has not asked for broadcasts: it fails as where there is no network. */
const NOWHERE = { host: '255.255.255.255', port: 53 }

test('an upstream that no socket can be connected to rejects, and is no error that nobody takes', async () => {
  const { signal } = new AbortController()
  const query = {
    question: { name: parseName('www.example.org'), type: RecordType.A, class: RecordClass.IN },
    client: { address: '127.0.0.1', transport: 'udp' },
    recursionDesired: true,
    dnssecOk: false,
    checkingDisabled: false,
    signal,
  } as const
  const outgoing = makeOutgoing(query, { edns: true })
  await assert.rejects(exchangeUdp(NOWHERE, outgoing, signal), { code: 'EACCES' })
})
