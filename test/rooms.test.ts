/** Who may know whom: read from the source, so that a short cut between two rooms is seen the day it is taken. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, test } from 'node:test'

const SOURCE = join(import.meta.dirname, '../src')

interface Import {
  /** What is imported: a package, or a path from src/. */
  readonly from: string
  /** The names taken, empty when all of it is; types are left out. */
  readonly values: readonly string[]
  readonly typeOnly: boolean
}

interface SourceFile {
  /** From src/: `dns/name.ts`. */
  readonly path: string
  readonly room: string
  readonly code: string
  readonly imports: readonly Import[]
}

const IMPORT = /\b(?:import|export)\s+(type\s)?\s*([^'";=]*?)\s*from\s*'([^']+)'|\bimport\s*\(?\s*'([^']+)'/g

/** The code without its comments: what is said about a function is no use of it. */
function codeOf(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|(?<=^|[\s;{}(),])\/\/[^\n]*/g, '')
}

function importsOf(path: string, code: string): Import[] {
  return Array.from(code.matchAll(IMPORT), ([, type, clause = '', from, bare]) => {
    const words = clause
      .replace(/[{}]/g, ',')
      .split(',')
      .map((word) => word.trim())
    const values = words.filter((word) => word !== '' && !word.startsWith('type '))
    const target = from ?? bare ?? ''
    return {
      from: target.startsWith('.') ? relative(SOURCE, join(SOURCE, dirname(path), target)) : target,
      values: type ? [] : values,
      typeOnly: type !== undefined || (clause !== '' && values.length === 0),
    }
  })
}

function readSources(): SourceFile[] {
  const paths = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.ts'),
  )
  return paths.sort().map((path) => {
    const code = codeOf(readFileSync(join(SOURCE, path), 'utf8'))
    const [room = ''] = path.split('/')
    return { path, room, code, imports: importsOf(path, code) }
  })
}

const sources = readSources()

/** `file: what it imports` for each import that breaks the rule. */
function breaches(allowed: (file: SourceFile, found: Import) => boolean): string[] {
  return sources.flatMap((file) =>
    file.imports.filter((found) => !allowed(file, found)).map(({ from }) => `${file.path} imports ${from}`),
  )
}

const CONFIG = new Set(['config.ts', 'settings.ts', 'settings-dht.ts', 'setting-names.ts', 'option.ts'])
/** What every room may import. */
const SHARED = new Set(['cache.ts', 'clock.ts', 'metrics.ts', 'rate.ts', 'system.ts'])
const INNER = ['names', 'zone', 'dns']

/** Which rooms and files each room may import, itself, what is shared and the type of a logger aside. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  dns: [],
  zone: ['dns'],
  names: ['zone', 'dns'],
  publisher: INNER,
  dht: INNER,
  resolver: INNER,
  api: ['resolver', 'publisher', 'petnames.ts', 'allowed-keys.ts', 'json-file.ts', ...INNER],
  cli: [...INNER, ...CONFIG],
  'cache.ts': [],
  'clock.ts': [],
  'metrics.ts': [],
  'process-metrics.ts': [],
  'rate.ts': [],
  'system.ts': [],
  'logger.ts': [],
  'house.ts': ['config.ts', 'resolver', ...INNER],
  'ports.ts': ['config.ts', 'resolver'],
  'json-file.ts': ['publisher', 'zone'],
  'petnames.ts': ['json-file.ts', ...INNER],
  'allowed-keys.ts': ['json-file.ts', 'zone'],
  'reload.ts': ['config.ts', 'house.ts', 'api', 'publisher', 'resolver'],
}

const OF_KEYS = /^publisher\/(key-file|key-text|own-zones|durable|sealing|fault)\.ts$/

function mayImport(file: SourceFile, { from, typeOnly }: Import): boolean {
  const target = from.split('/')[0] ?? ''
  if (target === file.room || SHARED.has(target) || (target === 'logger.ts' && typeOnly)) return true
  if (file.path === 'daemon.ts') return true
  // The token's file is read by one set of rules.
  if (from === 'api/token.ts' && /^cli\/(token|queries|testnet-node|node-client)\.ts$/.test(file.path))
    return true
  // Signing without a node is a command, and so is looking after keys; how a key is kept is for one room to know.
  if (OF_KEYS.test(from) && /^cli\/(keygen|sign|key|key-[a-z]+|doctor|main)\.ts$/.test(file.path)) return true
  // These two open a node of their own, in this process, and the logger it writes to.
  if (file.path === 'cli/up.ts' || file.path === 'cli/testnet-node.ts')
    return ['daemon.ts', 'logger.ts', ...(MAY_IMPORT['cli'] ?? [])].includes(target)
  // The configuration is put together from each room's own slice.
  if (CONFIG.has(file.path))
    return CONFIG.has(target) || INNER.includes(target) || /^[a-z]+\/config\.ts$/.test(from)
  return MAY_IMPORT[file.room]?.includes(target) ?? false
}

const isOurs = ({ from }: Import) => from.endsWith('.ts')

describe('the rooms', () => {
  test('the reader of this test sees the imports there are', () => {
    const code = `
      import { a, type B } from './a.ts'
      import type { C } from 'c'
      import {
        type D,
        type E,
      } from '../dns/name.ts'
      import './bare.ts'
      const late = await import('fastify') // import 'comment'
      export { f } from "x" /* import 'other' */
      export * from 'star'
    `
    assert.deepEqual(
      importsOf('zone/z.ts', codeOf(code.replaceAll('"', "'"))).map(({ from, values, typeOnly }) => [
        from,
        values.join(),
        typeOnly,
      ]),
      [
        ['zone/a.ts', 'a', false],
        ['c', '', true],
        ['dns/name.ts', '', true],
        ['zone/bare.ts', '', false],
        ['fastify', '', false],
        ['x', 'f', false],
        ['star', '*', false],
      ],
    )
    assert.ok(sources.length > 20)
    for (const room of ['dns', 'zone', 'names']) assert.ok(sources.some((file) => file.room === room))
    assert.ok(sources.filter(({ imports }) => imports.length > 0).length > 15)
  })

  test('each room imports only those it may know', () => {
    assert.deepEqual(
      breaches((file, found) => !isOurs(found) || mayImport(file, found)),
      [],
    )
  })

  test('dht and resolver never see each other, nor does either know who uses it', () => {
    const strangers: Record<string, RegExp> = {
      dht: /^(resolver|publisher|api|cli)\//,
      resolver: /^(dht|publisher|api|cli)\//,
    }
    assert.deepEqual(
      breaches(({ room }, { from }) => !strangers[room]?.test(from)),
      [],
    )
  })

  test('every file is in a room that this test knows', () => {
    const known = new Set([...Object.keys(MAY_IMPORT), ...CONFIG, 'daemon.ts'])
    assert.deepEqual(
      sources.filter(({ room }) => !known.has(room)).map(({ path }) => path),
      [],
    )
  })
})

describe('packages', () => {
  const home: [what: string, where: RegExp, packages: RegExp][] = [
    [
      'libp2p and its stores',
      /^dht\//,
      /^(libp2p|@libp2p\/.*|@chainsafe\/.*|interface-datastore|datastore-.*)$/,
    ],
    ['addresses of libp2p', /^(dht\/|ports\.ts$|config\.ts$|settings\.ts$|option\.ts$)/, /^@multiformats\//],
    ['fastify', /^api\//, /^(fastify|@fastify\/.*)$/],
    ['dns2', /^dns\/codec\.ts$/, /^dns2$/],
    ['the curve', /^zone\/(key|signature)\.ts$/, /^@noble\//],
    ['UDP sockets', /^resolver\/(listeners|upstreams)\//, /^node:dgram$/],
    ['TLS sockets', /^resolver\/(listeners|upstreams)\//, /^node:tls$/],
  ]
  for (const [what, where, packages] of home) {
    test(`${what}: only in ${where.source}`, () => {
      assert.deepEqual(
        breaches(({ path }, { from }) => !packages.test(from) || where.test(path)),
        [],
      )
    })
  }

  test('TCP sockets only where UDP ones are, in a testnet and for REST on a unix socket; elsewhere node:net is for addresses and types', () => {
    const addresses = new Set(['isIP', 'isIPv4', 'isIPv6', 'SocketAddress', 'BlockList'])
    assert.deepEqual(
      breaches(
        ({ path }, { from, typeOnly, values }) =>
          from !== 'node:net' ||
          /^resolver\/(listeners|upstreams)\/|^cli\/(slow-relay|testnet-node)\.ts$|^api\/unix-socket\.ts$/.test(
            path,
          ) ||
          typeOnly ||
          (values.length > 0 && values.every((value) => addresses.has(value))),
      ),
      [],
    )
  })

  test('dns, zone and names touch neither files nor the network', () => {
    const pure = /^(node:(net|crypto|url)|dns2|@noble\/ed25519|lru-cache|tlds|unicode-confusables)$/
    assert.deepEqual(
      breaches(({ room }, found) => !INNER.includes(room) || isOurs(found) || pure.test(found.from)),
      [],
    )
  })

  test('only logger.ts makes a logger', () => {
    assert.deepEqual(
      breaches(({ path }, { from, typeOnly }) => from !== 'pino' || typeOnly || path === 'logger.ts'),
      [],
    )
  })
})

describe('time and chance', () => {
  /** `file: what stands in it` wherever the pattern is found in a file that may not have it. */
  function uses(pattern: RegExp, allowed: RegExp): string[] {
    return sources
      .filter(({ path }) => !allowed.test(path))
      .flatMap(({ path, code }) => Array.from(code.matchAll(pattern), ([found]) => `${path}: ${found}`))
  }

  test('time comes from clock.ts alone; a command may have its own', () => {
    const time =
      /\bDate\.now\b|\bnew Date\(\s*\)|\bDate\(\s*\)|\bperformance\.now\b|\bsetTimeout\b|\bsetInterval\b|\bprocess\.hrtime\b|'node:timers[^']*'/g
    assert.deepEqual(uses(time, /^clock\.ts$|^cli\//), [])
    assert.ok(
      uses(time, /^$/).some((use) => use.startsWith('clock.ts: ')),
      'the pattern should find the clock',
    )
  })

  test('AbortSignal.timeout, a clock of its own, is for commands', () => {
    assert.deepEqual(uses(/\bAbortSignal\.timeout\b/g, /^cli\//), [])
  })

  test('nothing rests on Math.random', () => {
    assert.deepEqual(uses(/\bMath\.random\b/g, /^$/), [])
  })
})
