/** `npm run revoke`: a key handed over, lost, handed over anew and revoked, among thirty nodes as people run them; every one is asked. */
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Workplace } from '../cli/kadns.ts'
import { RunningNode } from '../cli/running-node.ts'

const HELP = `npm run revoke -- [--nodes N]: N nodes (30), each a process, with the default settings but for their ports.

One publishes a zone that hands its name over to another key; every node asks. The hot key is lost and the cold one names a third;
then the cold key is revoked. Printed is after how many seconds every node says so, before and after all were started anew.
It ends with 1 when one does not within the larger of a minute and REFRESH (300 s).
`
/** Seconds: the larger of a minute and REFRESH. */
const LIMIT = 300
const NXDOMAIN = 'NXDOMAIN'
const EVERY = 1000
/** Nodes started at once. */
const TOGETHER = 3

interface Resolved {
  readonly rcode: string
  readonly answers: readonly { readonly value: string }[]
}
interface Zone {
  readonly key: string
  readonly name: string
}

const say = (sentence: string) => process.stdout.write(`${sentence}\n`)

async function startAll(place: Workplace, count: number): Promise<RunningNode[]> {
  const first = await RunningNode.start(place, '0')
  const nodes = [first]
  for (let next = 1; next < count; next += TOGETHER) {
    const numbers = Array.from({ length: Math.min(TOGETHER, count - next) }, (_, at) => next + at)
    const started = numbers.map((number) =>
      RunningNode.start(place, String(number), `--dht-bootstrap=${first.address}`),
    )
    nodes.push(...(await Promise.all(started)))
  }
  await wait(10_000) // until they know each other
  return nodes
}

async function stopAll(nodes: readonly RunningNode[]): Promise<void> {
  const ended = nodes.map(async ({ process: child }) => {
    child.kill('SIGTERM')
    if (child.exitCode === null) await once(child, 'exit')
  })
  await Promise.all(ended)
}

/** What a node says of a name: an address, or an rcode. */
async function wordOf(node: RunningNode, name: string): Promise<string> {
  const { rcode, answers } = await node.get<Resolved>(`/v1/resolve?name=${name}`)
  return answers[0]?.value ?? rcode
}

/** Seconds until every node says so; undefined when some do not in time. */
async function secondsUntil(
  nodes: readonly RunningNode[],
  name: string,
  word: string,
): Promise<number | undefined> {
  const began = performance.now()
  let others = nodes
  for (;;) {
    const said = await Promise.all(others.map(async (node) => [node, await wordOf(node, name)] as const))
    others = said.filter(([, each]) => each !== word).map(([node]) => node)
    const seconds = (performance.now() - began) / 1000
    if (others.length === 0) return seconds
    if (seconds > LIMIT) {
      say(
        `  ${others.length} of ${nodes.length} still say: ${said
          .filter(([, each]) => each !== word)
          .map(([, each]) => each)
          .join(', ')}`,
      )
      return undefined
    }
    await wait(EVERY)
  }
}

async function tell(what: string, seconds: Promise<number | undefined>): Promise<boolean> {
  const found = await seconds
  say(found === undefined ? `${what}: not within ${LIMIT} s` : `${what}: after ${found.toFixed(1)} s`)
  return found !== undefined
}

async function run(count: number): Promise<boolean> {
  await using place = await Workplace.open()
  let nodes = await startAll(place, count)
  const owner = nodes[0]!
  const heir = async (address: string) => {
    const { key } = await owner.send<Zone>('POST', '/v1/zones')
    await owner.send('PUT', `/v1/zones/${key}/records`, {
      records: [{ name: 'www', type: 'A', ttl: 60, value: address }],
    })
    return key
  }
  const handOver = (cold: string, hot: string) =>
    owner.send('PUT', `/v1/zones/${cold}/records`, {
      records: [{ name: '@', type: 'NS', ttl: 60, value: `${hot}.` }],
    })
  const { key: cold, name: apex } = await owner.send<Zone>('POST', '/v1/zones')
  const name = `www.${apex}`
  await handOver(cold, await heir('192.0.2.1'))
  const outcomes = [
    await tell(`all ${count} nodes answer from the hot key`, secondsUntil(nodes, name, '192.0.2.1')),
  ]
  await handOver(cold, await heir('192.0.2.2'))
  outcomes.push(await tell('all answer from the next one', secondsUntil(nodes, name, '192.0.2.2')))
  const told = await place.run('key', 'revoke', cold, '--yes', '--data=0', `--api-listen=${owner.api}`)
  say(`  ${(told.stdout || told.stderr).trim()}`)
  outcomes.push(await tell('all say that there is no such name', secondsUntil(nodes, name, NXDOMAIN)))
  await stopAll(nodes)
  nodes = await startAll(place, count)
  outcomes.push(
    await tell('and all again when they have been started anew', secondsUntil(nodes, name, NXDOMAIN)),
  )
  await stopAll(nodes)
  return outcomes.every((isGood) => isGood)
}

const { values } = parseArgs({
  options: { nodes: { type: 'string', default: '30' }, help: { type: 'boolean' } },
})
if (values.help) say(HELP)
else if (!/^[1-9]\d?$/.test(values.nodes)) {
  process.stderr.write('revoke: --nodes takes 1 to 99.\n')
  process.exitCode = 2
} else process.exitCode = (await run(Number(values.nodes))) ? 0 : 1
