/** A small run of the fuzzer, the same every time: every parser, and the ports of a node. How long the work takes is left out. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import type { Result } from '../fuzz/cases.ts'
import { runPorts } from '../fuzz/ports.ts'
import { Chance } from '../fuzz/random.ts'
import { runRest } from '../fuzz/rest.ts'
import { TARGETS } from '../fuzz/targets.ts'
import { runWatched } from '../fuzz/watch.ts'

const PLAN = { seed: 20_261_123, time: Infinity, first: 0, maxMilliseconds: Infinity }
const COUNT = 1000
const COUNT_AT_PORTS = 400

function assertClean({ findings, inputs }: Result, count: number): void {
  assert.deepEqual(findings, [])
  assert.equal(inputs, count)
}

describe('changed inputs', { concurrency: true }, () => {
  for (const [target, { refusals }] of Object.entries(TARGETS)) {
    test(`${COUNT} changed inputs for "${target}": taken or refused for a reason of the room's own`, async () => {
      const result = await runWatched({ ...PLAN, target, count: COUNT }, () => undefined)
      assertClean(result, COUNT)
      const words = Object.keys(result.outcomes)
      assert.ok(words.some((word) => !refusals.includes(word)) && words.length > 1, words.join())
    })
  }
})

test(`${COUNT_AT_PORTS} changed packets at the ports of a node: good questions between them are answered`, async () => {
  const result = await runPorts({ ...PLAN, target: 'ports', count: COUNT_AT_PORTS }, () => undefined)
  assertClean(result, COUNT_AT_PORTS)
})

test(`${COUNT} requests made from what the API says of itself: answered or refused`, async () => {
  const result = await runRest({ ...PLAN, target: 'rest', count: COUNT }, () => undefined)
  assert.deepEqual(result.findings, [])
  assert.ok(['200', '401', '404', '422'].every((status) => (result.outcomes[status] ?? 0) > 0))
})

describe('a case', () => {
  test('is the same octets whenever it is made again, and another one is not', () => {
    for (const [name, target] of Object.entries(TARGETS)) {
      const inputs = [1, 1, 2, 3].map((number) => target.make(new Chance(7, name, number)).toString('hex'))
      assert.equal(inputs[0], inputs[1], name)
      assert.ok(new Set(inputs).size > 1, name)
    }
  })
})

describe('npm run fuzz', () => {
  const fuzz = async (...words: string[]) =>
    await promisify(execFile)(process.execPath, [
      join(import.meta.dirname, '../fuzz/fuzz.ts'),
      ...words,
    ]).then(
      ({ stdout }) => ({ code: 0, stdout, stderr: '' }),
      ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
    )

  test('with a flag it does not know ends with 2 and one sentence', async () => {
    const { code, stderr } = await fuzz('--sed', '1')
    assert.equal(code, 2)
    assert.match(stderr, /^fuzz: .*--sed.*\.\n$/)
  })

  test('with one input says what became of it', async () => {
    const { code, stdout } = await fuzz(
      '--target',
      'walker',
      '--input',
      '000080000001000000000000c00c00010001',
    )
    assert.equal(code, 0)
    assert.match(stdout, /walker: 1 inputs[\s\S]*malformed 1[\s\S]*Nothing was found\./)
  })
})
