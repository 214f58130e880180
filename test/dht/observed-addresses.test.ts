/** By which address others see this node: not by what one of them says. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import { ObservedAddresses } from '../../src/dht/observed-addresses.ts'

/** Says what peers at these addresses say. @param words `peer sees`, in order */
function heard(...words: readonly string[]): ObservedAddresses {
  const observed = new ObservedAddresses()
  for (const word of words) {
    const [peer = '', own = ''] = word.split(' ')
    const ip = (text: string) => multiaddr(`/${text.includes(':') ? 'ip6' : 'ip4'}/${text}/tcp/4601`)
    observed.hear({ connection: { id: peer, remoteAddr: ip(peer) }, observedAddr: ip(own) })
  }
  return observed
}

test('two networks that agree are believed, one is not', () => {
  assert.deepEqual(heard('9.1.0.1 14.1.0.1', '9.1.7.7 14.1.0.1').current(), [])
  assert.deepEqual(heard('9.1.0.1 14.1.0.1', '9.2.0.1 14.1.0.1').current(), ['14.1.0.1'])
})

test('more networks are believed rather than fewer, and of as many neither', () => {
  const liars = ['9.1.0.1 8.8.8.8', '9.2.0.1 8.8.8.8']
  const honest = ['11.1.0.1 14.1.0.1', '11.2.0.1 14.1.0.1']
  assert.deepEqual(heard(...liars, ...honest).current(), [])
  assert.deepEqual(heard(...liars, ...honest, '11.3.0.1 14.1.0.1').current(), ['14.1.0.1'])
})

test('each family has its own', () => {
  const four = ['9.1.0.1 14.1.0.1', '9.2.0.1 14.1.0.1']
  const six = ['2a00:1::1 2a00:5::5', '2a01:2::1 2a00:5::5']
  assert.deepEqual(heard(...six, ...four).current(), ['14.1.0.1', '2a00:5::5'])
})

test('an address inside a house is none, and neither is what a neighbour or this machine says', () => {
  assert.deepEqual(heard('9.1.0.1 192.168.1.2', '9.2.0.1 192.168.1.2').current(), [])
  assert.deepEqual(heard('127.0.0.1 14.1.0.1', '9.2.0.1 14.1.0.1').current(), [])
})

test('what was said on a connection that has ended counts no more', () => {
  const observed = heard('9.1.0.1 14.1.0.1', '9.2.0.1 14.1.0.1', '9.3.0.1 14.9.0.1')
  observed.forget({ id: '9.2.0.1' })
  assert.deepEqual(observed.current(), [])
  observed.hear({
    connection: { id: 'new', remoteAddr: multiaddr('/ip4/9.2.0.1/tcp/4601') },
    observedAddr: multiaddr('/ip4/14.9.0.1/tcp/4601'),
  })
  assert.deepEqual(observed.current(), ['14.9.0.1'])
})
