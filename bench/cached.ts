/** Answers from memory beside other servers, in turns within one run, as ratios: over UDP, with EDNS and a cookie, and at the other doors. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Workplace } from '../test/cli/kadns.ts'
import { contest, type Span, say } from './dnsperf.ts'
import { isInstalled, type Server, startDnsmasq, startKadns, startScript, startUnbound } from './servers.ts'

const NAMES = 10_000
/** COOKIE (RFC 7873) as a client sends it that has none of the server's yet; dnsperf adds EDNS to it. */
const COOKIE = '10:0123456789abcdef'

export async function benchUdp(span: Span): Promise<void> {
  await using place = await Workplace.open()
  const { server: kadns, zone } = await startKadns({ place })
  const dns2 = await startScript({ place }, 'dns2')
  const echo = await startScript({ place }, 'echo')
  const map = await startScript({ place }, 'map')
  const others = await forwarders({ place, upstream: dns2.port })
  const file = questions(place, `${zone} A`)
  const plain = [kadns, echo, map, dns2, ...others].map((server) => ({
    ...server,
    questions: file,
    words: [],
    warmUp: server === dns2 ? 1 : 20,
  }))
  contest('UDP', plain, span)
  const withCookie = [kadns, echo, ...others].map((server) => ({
    ...server,
    questions: file,
    words: ['-E', COOKIE],
  }))
  contest('UDP with EDNS and a cookie', withCookie, span)
}

async function forwarders(setting: { place: Workplace; upstream: string }): Promise<Server[]> {
  const servers: Server[] = []
  if (isInstalled('dnsmasq')) servers.push(await startDnsmasq(setting))
  else say('dnsmasq is left out: it is not installed (Debian: apt-get install dnsmasq-base)')
  if (isInstalled('unbound')) servers.push(await startUnbound(setting))
  else say('unbound is left out: it is not installed (Debian: apt-get install unbound)')
  return servers
}

/** Over TCP, TLS and HTTPS, beside unbound. */
export async function benchStreams(span: Span): Promise<void> {
  if (!isInstalled('unbound')) {
    say('unbound is not installed (Debian: apt-get install unbound): TCP, TLS and HTTPS are not measured.')
    return
  }
  await using place = await Workplace.open()
  const { server: kadns, zone } = await startKadns({ place })
  const unbound = await startUnbound({ place, upstream: (await startScript({ place }, 'dns2')).port })
  const file = questions(place, `${zone} A`)
  const at = (door: 'port' | 'tls' | 'https', words: readonly string[]) =>
    [kadns, unbound].map((server) => ({ ...server, port: server[door], questions: file, words, warmUp: 3 }))
  contest('TCP', at('port', ['-m', 'tcp']), span)
  contest('DNS over TLS', at('tls', ['-m', 'dot']), span)
  const overHttps = at('https', []).map((contender) => ({ ...contender, isHttps: true }))
  contest('DNS over HTTPS', overHttps, span)
}

/** Answers of a hundred records, which take TCP, beside answers of one, both remembered from an upstream. */
export async function benchLong(span: Span): Promise<void> {
  await using place = await Workplace.open()
  const { port } = await startScript({ place }, 'upstream')
  const { server } = await startKadns({ place }, `--upstream-servers=udp://127.0.0.1:${port}`)
  const contender = (name: string, below: string) => ({
    ...server,
    name,
    questions: questions(place, `${below}.example A`),
    words: ['-m', 'tcp'],
  })
  contest('long answers over TCP', [contender('100 records', 'long'), contender('one record', 'short')], span)
}

/** @returns a file of them, each for a name of its own below the one given */
function questions({ directory }: Workplace, below: string): string {
  const file = join(directory, `questions-${below.split('.', 1)}`)
  writeFileSync(file, Array.from({ length: NAMES }, (_, at) => `h${at}.${below}\n`).join(''))
  return file
}
