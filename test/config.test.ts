import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { ConfigFault, loadConfig } from '../src/config.ts'
import type { DhtConfig } from '../src/dht/config.ts'
import { formatName, parseName } from '../src/dns/name.ts'
import type { PublisherConfig } from '../src/publisher/config.ts'
import type { DnsConfig, UpstreamConfig } from '../src/resolver/config.ts'
import { SETTINGS } from '../src/setting-names.ts'

const NOTHING = { flags: {}, environment: {} }
const shipped = (file: string) => join(import.meta.dirname, '../config', file)

let directory = ''
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kadns-'))
})
afterEach(async () => {
  await rm(directory, { recursive: true })
})

/** A configuration file with this in it. */
async function fileWith(text: string): Promise<string> {
  const file = join(directory, 'kadns.toml')
  await writeFile(file, text)
  return file
}

/** Every fault of what cannot be loaded. */
function faultsOf(sources: Partial<typeof NOTHING>): readonly string[] {
  try {
    loadConfig({ ...NOTHING, ...sources })
  } catch (fault) {
    assert.ok(fault instanceof ConfigFault)
    return fault.faults
  }
  return []
}

describe('the defaults', () => {
  test('are what a node on one machine needs', () => {
    const { config, warnings } = loadConfig(NOTHING)
    assert.deepEqual(warnings, [])
    assert.deepEqual(config.dns.listen, [{ host: '127.0.0.1', port: 5300 }])
    assert.deepEqual(config.api.listen, { host: '127.0.0.1', port: 8053 })
    assert.deepEqual(config.dht.listen, ['/ip4/0.0.0.0/tcp/4601', '/ip6/::/tcp/4601'])
    assert.equal(config.data, '.kadns')
    assert.equal(config.names.suffix, parseName('kad.alt'))
  })

  test("are every room's own slice", () => {
    const { config } = loadConfig(NOTHING)
    const slices: [DnsConfig, UpstreamConfig, DhtConfig, PublisherConfig] = [
      config.dns,
      config.upstream,
      config.dht,
      config.names,
    ]
    assert.ok(slices.every((slice) => Object.values(slice).every((value) => value !== undefined)))
  })

  test('cannot be changed, however deep', () => {
    const { config } = loadConfig(NOTHING)
    const frozen = (value: unknown): boolean =>
      typeof value !== 'object' ||
      value === null ||
      (Object.isFrozen(value) && Object.values(value).every(frozen))
    assert.ok(frozen(config))
  })

  test('leave time for a reason: a lookup ends before the answer is due', () => {
    const { dns, dht, upstream } = loadConfig(NOTHING).config
    assert.ok(dht.lookupTimeout < dns.answerTimeout)
    assert.ok(upstream.timeout * 2 < dns.answerTimeout)
    assert.ok(dht.requestTimeout < dht.lookupTimeout)
    assert.ok(dht.confirmMin <= dht.confirmMax)
    assert.ok(dht.unreachableMin <= dht.unreachableMax)
  })
})

describe('the files that come with it', () => {
  test('default.toml has every setting, and changes none', () => {
    const flags = { config: shipped('default.toml') }
    assert.deepEqual(loadConfig({ ...NOTHING, flags }).config, loadConfig(NOTHING).config)
    const text = readFileSync(shipped('default.toml'), 'utf8')
    const [top = '', ...sections] = text.split(/^\[(?=\w+\]$)/m)
    const written = sections.flatMap((section) =>
      keysOf(section).map((key) => `${section.split(']')[0]}.${key}`),
    )
    assert.deepEqual(
      [...keysOf(top), ...written],
      SETTINGS.map(({ section, fileKey }) => (section ? `${section}.${fileKey}` : fileKey)),
    )
  })

  function keysOf(section: string): string[] {
    return Array.from(section.matchAll(/^# .*\n(\w+) = /gm), ([, key = '']) => key)
  }

  for (const file of ['development.toml', 'production.toml']) {
    test(`${file} loads`, () => {
      assert.deepEqual(faultsOf({ flags: { config: shipped(file) } }), [])
    })
  }

  test('production.toml can be published from a container', () => {
    const { config } = loadConfig({ ...NOTHING, flags: { config: shipped('production.toml') } })
    assert.deepEqual([config.dns.listen[0]?.host, config.api.listen.host], ['0.0.0.0', '0.0.0.0'])
    assert.equal(config.data, '/data')
  })
})

describe('one setting', () => {
  test('in a file beats the default, the environment beats the file, a flag beats both', async () => {
    const file = await fileWith('[dns]\nmax_aliases = 1\nmax_pending = 1\ntcp_max_connections = 1\n')
    const environment = { KADNS_CONFIG: file, KADNS_DNS_MAX_PENDING: '2', KADNS_DNS_TCP_MAX_CONNECTIONS: '2' }
    const flags = { 'dns-tcp-max-connections': '3' }
    const { dns } = loadConfig({ environment, flags }).config
    assert.deepEqual([dns.maxAliases, dns.maxPending, dns.tcpMaxConnections], [1, 2, 3])
  })

  test('--config beats KADNS_CONFIG', async () => {
    const file = await fileWith('data = "here"')
    const environment = { KADNS_CONFIG: '/nowhere' }
    assert.equal(loadConfig({ environment, flags: { config: file } }).config.data, 'here')
  })

  test('lists have commas, and an empty text is an empty list', () => {
    const flags = { 'dns-listen': '127.0.0.1:0, [::1]:53', 'upstream-servers': '' }
    const { dns, upstream } = loadConfig({ ...NOTHING, flags }).config
    assert.deepEqual(dns.listen, [
      { host: '127.0.0.1', port: 0 },
      { host: '::1', port: 53 },
    ])
    assert.deepEqual(upstream.servers, [])
  })

  test('an upstream server is an address, with a protocol and the name of its certificate where wanted', () => {
    const texts = [
      '9.9.9.9',
      '[::1]:5353',
      'udp://9.9.9.9:54',
      'TCP://9.9.9.9',
      'tls://[::1]#dns.example',
      'https://9.9.9.9',
      'https://[::1]:8443/family/~x#dns.example',
    ]
    const flags = { 'upstream-servers': texts.join(',') }
    const { servers } = loadConfig({ ...NOTHING, flags }).config.upstream
    assert.deepEqual(
      servers.map(({ protocol, host, port, name, path }) => [protocol, host, port, name, path]),
      [
        ['udp', '9.9.9.9', 53, undefined, undefined],
        ['udp', '::1', 5353, undefined, undefined],
        ['udp', '9.9.9.9', 54, undefined, undefined],
        ['tcp', '9.9.9.9', 53, undefined, undefined],
        ['tls', '::1', 853, 'dns.example', undefined],
        ['https', '9.9.9.9', 443, undefined, undefined],
        ['https', '::1', 8443, 'dns.example', '/family/~x'],
      ],
    )
  })

  for (const bad of [
    'dns.example',
    'tls://dns.example',
    'tls://9.9.9.9/dns-query',
    'https://9.9.9.9/a?b',
    'tls://9.9.9.9#192.0.2.1',
    'udp://9.9.9.9#dns.example',
    'quic://9.9.9.9',
    '9.9.9.9:0',
    '9.9.9.9:65536',
    '[9.9.9.9]:53',
    '::1',
  ]) {
    test(`${bad} is no upstream server, and the fault says what one is`, () => {
      const [fault = ''] = faultsOf({ flags: { 'upstream-servers': bad } })
      assert.match(fault, /an IP address.*tls:\/\/192\.0\.2\.1:853#dns\.example/)
    })
  }

  test('servers for a domain stand behind it, and for several behind them', () => {
    const text =
      '/Fritz.box/192.168.178.1, /corp.example/10.in-addr.arpa/tls://192.0.2.1:8853#dns.corp.example'
    const { domains } = loadConfig({ flags: { 'upstream-domains': text }, environment: {} }).config.upstream
    assert.deepEqual(
      domains.map(({ domains, server }) => [
        domains.map(formatName),
        server.protocol,
        server.host,
        server.port,
      ]),
      [
        [['fritz.box.'], 'udp', '192.168.178.1', 53],
        [['corp.example.', '10.in-addr.arpa.'], 'tls', '192.0.2.1', 8853],
      ],
    )
    for (const bad of [
      'fritz.box/192.168.178.1',
      '/fritz.box',
      '//192.0.2.1',
      '/./192.0.2.1',
      '/x.alt/192.0.2.1',
      '/fritz.box/router',
    ]) {
      const [fault = ''] = faultsOf({ flags: { 'upstream-domains': bad } })
      assert.match(fault, /such as \/fritz\.box\/192\.168\.178\.1/, bad)
    }
  })

  test('a record of the house is a line of a zone file; the fault says what is wrong with it', () => {
    const { dns } = loadConfig({
      flags: { 'dns-records': 'a.lan 60 A 192.0.2.1, b.lan AAAA ::1' },
      environment: {},
    }).config
    assert.deepEqual(
      dns.records.map(({ ttl, type }) => [ttl, type]),
      [
        [60, 1],
        [300, 28],
      ],
    )
    for (const [line, words] of [
      ['a.lan 60 A 192.0.2', /192\.0\.2/],
      ['a.lan 60 NS ns.lan', /but NS and DNAME/],
      ['$ORIGIN lan.', /such as "printer\.lan 300 A/],
      ['a.lan 60 SOA x y 1 2 3 4 5', /SOA/],
      ['a.lan 9999999999 A 192.0.2.1', /TTL/],
      ['', /one record/],
    ] as const) {
      const file = line === '' ? { 'dns-records': ' ,' } : { 'dns-records': line }
      const [fault = ''] = faultsOf({ flags: file })
      assert.match(fault, words)
    }
  })

  test('the suffix is a name, folded, with or without its final dot', () => {
    for (const suffix of ['Kad.ALT', 'kad.alt.']) {
      const { names } = loadConfig({ ...NOTHING, environment: { KADNS_NAMES_SUFFIX: suffix } }).config
      assert.equal(names.suffix, parseName('kad.alt'))
    }
  })

  test('every one has a variable, a flag and a key that follow from one name', () => {
    const of = (key: string) => SETTINGS.find((setting) => setting.key === key)
    assert.deepEqual(
      [of('maxUdpPayload')?.fileKey, of('maxUdpPayload')?.environment, of('maxUdpPayload')?.flag],
      ['max_udp_payload', 'KADNS_DNS_MAX_UDP_PAYLOAD', 'dns-max-udp-payload'],
    )
    assert.deepEqual([of('logLevel')?.environment, of('logLevel')?.flag], ['KADNS_LOG_LEVEL', 'log-level'])
    assert.equal(new Set(SETTINGS.map(({ flag }) => flag)).size, SETTINGS.length)
    assert.ok(SETTINGS.every(({ option }) => /\.$/.test(option.about)))
  })
})

const PEER = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp'

test('multiaddrs are those of TCP, by address or by name, and a node to join by has its peer id', () => {
  const flags = {
    'dht-listen': '/ip4/0.0.0.0/tcp/0,/ip6/::/tcp/4601',
    'dht-bootstrap': ['ip4/192.0.2.1', 'ip6/2001:db8::1', 'dns/a.example', 'dns4/b.example', 'dns6/c.example']
      .map((host) => `/${host}/tcp/4601/p2p/${PEER}`)
      .join(),
    'dht-announce': `/ip4/192.0.2.1/tcp/4601,/dns4/node.example/tcp/4601/p2p/${PEER}`,
  }
  const { dht } = loadConfig({ ...NOTHING, flags }).config
  assert.deepEqual(
    [dht.listen, dht.bootstrap, dht.announce].map((list) => list.join()),
    Object.values(flags),
  )
})

describe('what cannot be used', () => {
  for (const [flag, value] of [
    ...['127.0.0.1', 'localhost:53', '127.0.0.1:65536', '127.0.0.1:', '::1:53', '[127.0.0.1]:53', ''].flatMap(
      (value) => [['dns-listen', value]] as const,
    ),
    ['dns-max-udp-payload', '511'],
    ['dns-max-udp-payload', '1e3'],
    ['dns-max-udp-payload', ''],
    ['dns-max-aliases', '1.5'],
    ['log-level', 'loud'],
    ['dht-mode', ''],
    ['dht-listen', '127.0.0.1:4601'],
    ...[
      '/ip4/127.0.0.1/udp/4601',
      '/ip4/127.0.0.1/udp/4601/quic-v1',
      '/ip4/127.0.0.1/tcp/4601/ws',
      `/ip4/127.0.0.1/tcp/4601/p2p/${PEER}`,
      '/dns4/node.example/tcp/4601',
      '/ip4/127.0.0.1',
      '/tcp/4601',
    ].map((value) => ['dht-listen', value] as const),
    ...[
      `/ip4/300.0.0.1/tcp/1/p2p/${PEER}`,
      `/ip4/192.0.2.1/udp/1/p2p/${PEER}`,
      `/ip4/192.0.2.1/tcp/0/p2p/${PEER}`,
      '/ip4/192.0.2.1/tcp/4601',
      '/ip4/192.0.2.1/tcp/4601/p2p/garbage',
      '/ip4/192.0.2.1/tcp/4601/p2p/QmGarbage',
      `/ip4/192.0.2.1/tcp/4601/p2p/${PEER.slice(0, -1)}`,
      `/ip4/192.0.2.1/tcp/4601/p2p/${PEER}q`,
      `/ip4/192.0.2.1/tcp/4601/p2p/${PEER}/p2p-circuit`,
      `/dns4/no..name/tcp/4601/p2p/${PEER}`,
      `/p2p/${PEER}`,
    ].map((value) => ['dht-bootstrap', value] as const),
    ['dht-announce', '/ip4/192.0.2.1/udp/4601'],
    ['dht-announce', '/ip4/192.0.2.1/tcp/4601/p2p/QmGarbage'],
    ['names-suffix', '.'],
    ['names-suffix', 'a..b'],
    ['names-zone-lifetime', '2592001'],
    ['names-private-addresses', 'not-a-key'],
    ['data', ''],
  ] as const) {
    test(`--${flag} "${value}" is one sentence`, () => {
      const faults = faultsOf({ flags: { [flag]: value } })
      assert.equal(faults.length, 1)
      assert.match(faults[0] ?? '', new RegExp(`^--${flag} has to be .+, not .+\\.$`))
    })
  }

  test('is told all at once, each with its place', async () => {
    const file = await fileWith(
      'colour = 1\nlog_level = 3\n[dns]\nlisten = "127.0.0.1:53"\nmax_udp_payload = "1232"\nfoo = 1\n[what]\nx = 1\n',
    )
    const faults = faultsOf({
      flags: { config: file, 'dns-foo': '1', 'api-listen': 'x' },
      environment: { KADNS_DNS_MAX_TTL: '-1' },
    })
    const places = [
      `colour in ${file}`,
      `dns.foo in ${file}`,
      `what in ${file}`,
      '--dns-foo',
      `log_level in ${file}`,
      `dns.listen in ${file}`,
      `dns.max_udp_payload in ${file}`,
      'KADNS_DNS_MAX_TTL',
      '--api-listen',
    ]
    assert.equal(faults.length, places.length, faults.join('\n'))
    places.forEach((place, at) => {
      assert.ok(faults[at]?.startsWith(`${place} `), faults[at])
    })
  })

  test('is told even where something else would have won', async () => {
    const file = await fileWith('[dns]\nmax_aliases = 0\n')
    const flags = { config: file, 'dns-max-aliases': '3' }
    assert.match(faultsOf({ flags })[0] ?? '', /max_aliases .* has to be/)
  })

  test('a file that is not there is named', () => {
    const missing = join(directory, 'missing.toml')
    assert.deepEqual(faultsOf({ flags: { config: missing } }), [
      `The configuration file ${missing} cannot be read: there is no such file.`,
    ])
  })

  test('a file that is no TOML is named with its line', async () => {
    const file = await fileWith('data = "a"\nlog_level =\n')
    const [fault = '', ...more] = faultsOf({ flags: { config: file } })
    assert.deepEqual(more, [])
    assert.ok(fault.startsWith(`The configuration file ${file} cannot be read: line 2: `), fault)
  })

  for (const [value, shown] of [
    ['"x"', '"x"'],
    ['3', '3'],
    ['[1]', '[1]'],
    ['2026-11-23', '"2026-11-23"'],
  ] as const) {
    test(`a section written as dns = ${value} is told what it has to be`, async () => {
      const file = await fileWith(`dns = ${value}\n`)
      const flags = { config: file }
      assert.deepEqual(faultsOf({ flags }), [`dns in ${file} has to be a section, [dns], not ${shown}.`])
    })
  }

  test('sections that are several are told', async () => {
    const file = await fileWith('[[dns]]\nmax_ttl = 1\n')
    assert.match(faultsOf({ flags: { config: file } })[0] ?? '', /^dns in .* has to be a section, \[dns\], /)
  })

  test('an empty name of the file is told, wherever it stands', () => {
    const sentence = 'has to be the name of a file, not "".'
    assert.deepEqual(faultsOf({ flags: { config: '' } }), [`--config ${sentence}`])
    assert.deepEqual(faultsOf({ environment: { KADNS_CONFIG: '' } }), [`KADNS_CONFIG ${sentence}`])
  })
})

test('an unknown variable of the environment is a warning', () => {
  const environment = { KADNS_DNS_LISTN: '127.0.0.1:53', PATH: '/bin' }
  assert.deepEqual(loadConfig({ ...NOTHING, environment }).warnings, [
    'The environment variable KADNS_DNS_LISTN is no setting and was ignored.',
  ])
})
