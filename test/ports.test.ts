/** Settings of doors that do not go together, or are not safe, are told before any is opened. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadConfig } from '../src/config.ts'
import { faultsOfDoors } from '../src/ports.ts'

const faultsOf = (flags: Record<string, string>) =>
  faultsOfDoors(loadConfig({ flags, environment: {} }).config)

test('REST listens on this machine alone, unless it is said that others may read it', () => {
  for (const listen of ['127.0.0.1:0', '127.0.0.53:0', '[::1]:0'])
    assert.deepEqual(faultsOf({ 'api-listen': listen }), [])
  for (const listen of ['0.0.0.0:0', '[::]:0', '192.168.1.2:0']) {
    const [fault = '', ...more] = faultsOf({ 'api-listen': listen })
    assert.deepEqual([more.length, fault.startsWith(`api.listen is ${listen}, `)], [0, true])
    assert.deepEqual(faultsOf({ 'api-listen': listen, 'api-insecure': 'on' }), [])
  }
})

test('half a certificate is none', () => {
  assert.match(faultsOf({ 'dns-certificate': 'a.pem' })[0] ?? '', /belong together/)
  assert.deepEqual(faultsOf({ 'dns-certificate': 'a.pem', 'dns-private-key': 'a.key' }), [])
})

test('the settings of the image let REST be published', () => {
  assert.deepEqual(faultsOf({ config: join(import.meta.dirname, '../config/production.toml') }), [])
})
