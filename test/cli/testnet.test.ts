/** A testnet with troubles: what may be asked for, who dies when, and that the dead come back as who they were. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { DEAD_FOR, Deaths } from '../../src/cli/testnet-deaths.ts'
import { TestNode } from '../../src/cli/testnet-node.ts'
import { UsageFault } from '../../src/cli/usage.ts'
import { systemClock } from '../../src/clock.ts'
import { answersOf, ask } from '../support/asking.ts'
import { temporaryDirectory } from '../support/dht.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { until } from '../support/until.ts'
import { Workplace } from './kadns.ts'

const FLAGS = {
  'dns-listen': '127.0.0.1:0',
  'api-listen': '127.0.0.1:0',
  'upstream-servers': '',
  'log-level': 'silent',
}

describe('kadns testnet with troubles', () => {
  test('names every fault at once, with exit code 2', async () => {
    await using place = await Workplace.open()
    const bad = ['--latency=-1', '--loss=51', '--deaths=often', '--dns-max-ttl=x', '--dht-announce=']
    const { code, stdout, stderr } = await place.run('testnet', '101', ...bad)
    assert.deepEqual([code, stdout], [2, ''])
    for (const name of ['number of nodes', '--latency', '--loss', '--deaths', '--dns-max-ttl']) {
      assert.match(stderr, new RegExp(`^kadns: .*${name}.*\\.$`, 'm'))
    }
    assert.equal(stderr.trimEnd().split('\n').length, 5)
  })

  test('refuses deaths where nobody would be left, and listening that the relay needs', async () => {
    await using place = await Workplace.open()
    const few = await place.run('testnet', '2', '--deaths=1', '--dht-listen=/ip4/127.0.0.1/tcp/0')
    assert.equal(few.code, 2)
    assert.match(few.stderr, /^kadns: --deaths needs 3 nodes or more\.\nkadns: --dht-listen [^\n]+\.\n$/)
  })

  test('publishes a name and resolves it over DNS, on delayed lines and with a node dead', async () => {
    await using place = await Workplace.open()
    const net = place.start('testnet', '4', '--json', '--latency=5', '--loss=1', '--deaths=60')
    const { nodes } = JSON.parse((await net.prints(/^.*\n/))[0]) as { nodes: Described[] }
    // With four nodes nobody else dies before this one is back.
    const [, died = ''] = await net.prints(/^\{"died":(\d+)\}\n/m)
    const [publisher, , reader] = nodes.filter((_, at) => at + 1 !== Number(died)) as [
      Described,
      Described,
      Described,
    ]
    const name = await publish(publisher)

    const asked = async () => answersOf(await ask(reader.dns, `${name} A`))
    await until(async () => (await asked()).length > 0)
    assert.match((await asked()).join(), /^www\..* A 192\.0\.2\.1$/)
    net.child.kill('SIGINT')
    assert.equal((await net.ended).code, 0)
  })
})

describe('a node of a testnet', () => {
  test('is back after its death with its peer id, ports, token and zones, and answers', async () => {
    await using place = await temporaryDirectory()
    await using open = new AsyncDisposableStack()
    const line = { clock: systemClock, latency: 5, loss: 0, chance: () => 1 }
    const start = async (name: string, bootstrap: readonly string[]) => {
      const flags = { ...FLAGS, data: join(place.path, name), 'dht-bootstrap': bootstrap.join(',') }
      return open.use(await TestNode.start({ flags, line }))
    }
    const first = await start('1', [])
    const second = await start('2', first.known.addresses)
    const name = await publish({ api: second.known.api, token: second.token })
    assert.equal(await resolve(first, name), '192.0.2.1')

    await second.die()
    await assert.rejects(fetch(`http://${second.known.api}/v1/node`))
    assert.equal(await resolve(first, name), '192.0.2.1')

    await until(() => second.comeBack().then(() => true, onlyUsageFault)) // its ports may be somebody else's for a moment
    const state = (await (await fetch(`http://${second.known.api}/v1/node`)).json()) as object
    const { peerId, addresses } = second.known
    assert.deepEqual({ ...state, peerId, addresses }, state)
    const zones = await (await fetch(`http://${second.known.api}/v1/zones`)).text()
    assert.ok(zones.includes(name.slice('www.'.length)), zones)
    assert.equal(await resolve(second, name), '192.0.2.1')
    await publish({ api: second.known.api, token: second.token })
  })
})

function onlyUsageFault(cause: unknown): false {
  if (cause instanceof UsageFault) return false
  throw cause
}

/** As `--json` tells of it. */
interface Described {
  readonly dns: string
  readonly api: string
  readonly token: string
}

/** @returns the name its address stands under */
async function publish({ api, token }: Omit<Described, 'dns'>): Promise<string> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const made = await fetch(`http://${api}/v1/zones`, { method: 'POST', headers, body: '{}' })
  const { key, name } = (await made.json()) as { key: string; name: string }
  const body = JSON.stringify({ records: [{ name: 'www', type: 'A', value: '192.0.2.1' }] })
  const put = await fetch(`http://${api}/v1/zones/${key}/records`, { method: 'PUT', headers, body })
  assert.equal(put.status, 200)
  return `www.${name}`
}

async function resolve({ known }: TestNode, name: string): Promise<string | undefined> {
  const reply = await fetch(`http://${known.api}/v1/resolve?name=${name}&type=A`)
  const { answers } = (await reply.json()) as { answers: { value: string }[] }
  return answers[0]?.value
}

describe('deaths', () => {
  function mortals(count: number) {
    const dead = new Set<number>()
    const nodes = Array.from({ length: count }, (_, at) => ({
      die: async () => {
        dead.add(at)
      },
      comeBack: async () => {
        dead.delete(at)
      },
    }))
    return { dead, nodes }
  }

  test('come as often as asked for, never to more than one in three, and all come back', async () => {
    const clock = new ManualClock()
    const { dead, nodes } = mortals(6)
    const told: string[] = []
    await using _deaths = new Deaths(nodes, { clock, perMinute: 60, tell: (what) => told.push(what) })
    clock.advance(999)
    assert.equal(dead.size, 0)
    clock.advance(1)
    assert.equal(dead.size, 1)
    await until(() => told.length === 1)
    for (let second = 2; second < 10; second++) clock.advance(1000)
    await until(() => told.length === 2)
    assert.deepEqual([dead.size, told], [2, ['died', 'died']])
    await until(() => {
      clock.advance(DEAD_FOR / 20)
      return told.includes('back')
    })
    assert.ok(dead.size <= 2)
  })

  test('are over when the testnet ends, after those under way', async () => {
    const clock = new ManualClock()
    const dying = Promise.withResolvers<void>()
    let deaths = 0
    const node = {
      die: () => {
        deaths += 1
        return dying.promise
      },
      comeBack: async () => undefined,
    }
    const plan = { clock, perMinute: 60, tell: () => undefined }
    const running = new Deaths([node, node, node], plan)
    clock.advance(1000)
    let closed = false
    const closing = running[Symbol.asyncDispose]().then(() => {
      closed = true
    })
    clock.advance(10 * DEAD_FOR)
    assert.deepEqual([deaths, closed], [1, false])
    dying.resolve()
    await closing
    clock.advance(10 * DEAD_FOR)
    assert.equal(deaths, 1)
  })

  test('are tried to undo again when the ports are taken', async () => {
    const clock = new ManualClock()
    const told: string[] = []
    let attempts = 0
    const node = {
      die: async () => undefined,
      comeBack: async () => {
        attempts += 1
        if (attempts === 1) throw new UsageFault(['The port is taken.'])
      },
    }
    const tell = (what: string) => told.push(what)
    await using _deaths = new Deaths([node, node, node], { clock, perMinute: 60, tell })
    await until(() => {
      clock.advance(1000)
      return told.includes('back')
    })
    assert.deepEqual(told.slice(0, 3), ['died', 'failed', 'back'])
  })
})
