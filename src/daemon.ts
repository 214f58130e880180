/** Opens every room in order and closes them in reverse; the only file that knows them all. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { AllowedKeys } from './allowed-keys.ts'
import { mayWrite } from './api/admission.ts'
import { Grants } from './api/grants.ts'
import { openRelay, type RelayDeps } from './api/relay.ts'
import { type Api, type ApiDeps, openApi, type Reloaded } from './api/server.ts'
import { loadOrCreateToken } from './api/token.ts'
import { type Clock, systemClock } from './clock.ts'
import type { Config } from './config.ts'
import { type Membership, type NetworkDirectory, openDirectory } from './dht/directory.ts'
import { parseAddress } from './dns/address.ts'
import { formatName, labelsOf, type Name } from './dns/name.ts'
import { readHouse } from './house.ts'
import { single } from './metrics.ts'
import { whoseName } from './names/whose.ts'
import { PetnameBook } from './petnames.ts'
import { faultsOfDoors, faultsOfPorts } from './ports.ts'
import { type ProcessMetrics, watchProcess } from './process-metrics.ts'
import type { PublisherDeps } from './publisher/config.ts'
import { openUpdates, type UpdateDeps } from './publisher/dns-update.ts'
import { readPassphrase } from './publisher/key-file.ts'
import { followOwnAddress } from './publisher/own-address.ts'
import { openPackets, type Packets } from './publisher/packets.ts'
import type { Publisher } from './publisher/published.ts'
import { openPublisher } from './publisher/publisher.ts'
import type { UpdateKey } from './publisher/update-records.ts'
import { reloading, tellSkipped } from './reload.ts'
import { type DnsConfig, formatEndpoint } from './resolver/config.ts'
import { ListFault } from './resolver/fault.ts'
import { type HandedOver, handedOver } from './resolver/listeners/handed-over.ts'
import {
  type OwnCertificateNeeds,
  ownCertificate,
  renewOwnCertificate,
} from './resolver/listeners/own-certificate.ts'
import { makeResolver, openDoors, type Resolver } from './resolver/resolver.ts'
import { isSystemError, systemReason } from './system.ts'
import type { PublicKey } from './zone/key.ts'

export interface Daemon extends AsyncDisposable {
  /** Where DNS is answered, UDP and TCP alike, as `host:port`. */
  readonly dns: readonly string[]
  /** Where DNS over TLS is answered, and over HTTPS, likewise. */
  readonly dnsOverTls: readonly string[]
  readonly dnsOverHttps: readonly string[]
  /** Where REST is answered, as `host:port`. */
  readonly api: string
  /** Where packets of pkarr are, likewise. */
  readonly relay: readonly string[]
  readonly peerId: string
  /** Multiaddrs other nodes can join by. */
  readonly addresses: readonly string[]
  /** Takes up what has changed in settings and lists, as far as it can while it runs; what came of it is logged. */
  reload(): Promise<Reloaded>
}

/** A node that cannot start, with every reason that was found. */
export class StartFault extends Error {
  override readonly name = 'StartFault'
  readonly faults: readonly string[]

  constructor(faults: readonly string[], options?: ErrorOptions) {
    super(faults.join('\n'), options)
    this.faults = faults
  }
}

export interface DaemonNeeds {
  readonly logger: Logger
  readonly clock?: Clock
  /** Reads the settings anew. @throws ConfigFault */
  readonly readConfig?: () => Config
  /** Whether sockets for the doors of DNS that systemd hands over to this process are for this node. */
  readonly takesSockets?: boolean
}

interface RoomNeeds extends Required<Omit<DaemonNeeds, 'takesSockets'>> {
  readonly handed: readonly HandedOver[]
}

/** @throws StartFault */
export async function openDaemon(
  config: Config,
  { logger, clock = systemClock, readConfig = () => config, takesSockets = false }: DaemonNeeds,
): Promise<Daemon> {
  const handed = takesSockets ? handedOver(process.env, process.pid) : []
  const strange = faultsOfDoors(config)
  if (strange.length > 0) throw new StartFault(strange)
  const faults = await faultsOfPorts(config, handed)
  if (faults.length > 0) throw new StartFault(faults)
  try {
    return await openRooms(config, { logger, clock, readConfig, handed })
  } catch (cause) {
    if (cause instanceof ListFault) throw new StartFault(cause.faults, { cause })
    const sentence = sentenceFor(cause, config.data)
    if (sentence === undefined) throw cause
    throw new StartFault([sentence], { cause })
  }
}

/** Each room's own fault is a sentence for people; what is neither that nor the system's is a bug, and keeps its stack. */
function sentenceFor(cause: unknown, dataDirectory: string): string | undefined {
  if (cause instanceof Error && cause.name.endsWith('Fault')) return cause.message
  return isSystemError(cause)
    ? `${cause.path ?? dataDirectory} cannot be used: ${systemReason(cause)}.`
    : undefined
}

interface Measured {
  readonly resolver: Pick<Resolver, 'metrics'>
  readonly directory: Pick<NetworkDirectory, 'metrics'>
  readonly publisher: Pick<Publisher, 'list' | 'counted'>
  readonly ofProcess: Pick<ProcessMetrics, 'metrics'>
}

function metricsOf({ resolver, directory, publisher, ofProcess }: Measured): ApiDeps['metrics'] {
  return () => [
    ...resolver.metrics(),
    ...directory.metrics(),
    single('gauge', ['kadns_own_zones', 'Zones this node signs.'], publisher.list().length),
    single('counter', ['kadns_puts_total', 'Own zones handed to other nodes.'], publisher.counted.puts),
    single(
      'counter',
      ['kadns_acknowledgements_total', 'Other nodes that acknowledged one.'],
      publisher.counted.acknowledgements,
    ),
    ...ofProcess.metrics(),
  ]
}

/** Keys of TSIG are named by the ids of their grants. */
function updateKeysOf(grants: Grants): UpdateDeps['keyNamed'] {
  return (name) => {
    const labels = labelsOf(name)
    const found = labels.length === 1 ? grants.tsigNamed(labels[0] ?? '') : undefined
    if (!found) return undefined
    const may: UpdateKey['mayWrite'] = (key, written, types) =>
      mayWrite(found.scope, { key, name: written, types })
    return { name, secret: found.secret, mayWrite: may }
  }
}

interface OwnZonesNeeds extends Pick<PublisherDeps, 'clock' | 'logger'> {
  readonly directory: NetworkDirectory
  readonly opening: AsyncDisposableStack
}

/** What this node publishes: the zones it signs, and those that were signed elsewhere. */
async function openOwnZones(
  { data: dataDirectory, names }: Config,
  { logger, opening, ...needs }: OwnZonesNeeds,
): Promise<{ readonly publisher: Publisher; readonly packets: Packets }> {
  const passphrase = names.passphraseFile === '' ? undefined : await readPassphrase(names.passphraseFile)
  const ofRoom = { ...needs, config: names, dataDirectory, logger: logger.child({ room: 'publisher' }) }
  const publisher = opening.use(await openPublisher({ ...ofRoom, passphrase }))
  const packets = opening.use(await openPackets({ ...ofRoom, config: names }))
  const { clock, directory } = needs
  const addresses = () => directory.observedAddresses().map(parseAddress)
  const followed = followedNames(names, publisher, ofRoom.logger)
  opening.use(followOwnAddress({ publisher, clock, names: followed, addresses, logger: ofRoom.logger }))
  return { publisher, packets }
}

/** Those of `names.follow` that are in zones signed here; of the others the log says why not. */
function followedNames({ follow, suffix }: Config['names'], publisher: Publisher, logger: Logger) {
  return follow.flatMap((name) => {
    const whose = whoseName(name, suffix)
    if (whose.kind === 'zone' && publisher.get(whose.key)) return [{ key: whose.key, name: whose.inZone }]
    logger.warn({ name: formatName(name) }, 'a name in names.follow is in no zone that this node signs')
    return []
  })
}

interface Trust extends Pick<Config, 'names'> {
  readonly publisher: Pick<Publisher, 'get'>
  readonly petnames: PetnameBook
  readonly allowed: AllowedKeys
}

/** Whose zones may lead to private addresses. */
function trusting({ publisher, petnames, allowed, names }: Trust): (key: PublicKey) => boolean {
  const configured = new Set<string>(names.privateAddresses)
  return (key) =>
    publisher.get(key) !== undefined || configured.has(key.label) || petnames.names(key) || allowed.has(key)
}

async function openRooms(config: Config, needs: RoomNeeds): Promise<Daemon> {
  const { logger, clock: machine, handed } = needs
  const { data: dataDirectory, names } = config
  const { suffix } = names
  await using opening = new AsyncDisposableStack()
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 })
  const token = await loadOrCreateToken(dataDirectory)
  const { house, skipped } = await readHouse(config)
  tellSkipped(skipped, logger)
  const ofDht = { path: join(dataDirectory, 'dht'), clock: machine, logger: logger.child({ room: 'dht' }) }
  const directory = opening.use(await openDirectory({ config: config.dht, ...ofDht }))
  const { clock } = directory
  const { publisher, packets } = await openOwnZones(config, { clock, directory, logger, opening })
  const ofDns = { clock, logger: logger.child({ room: 'resolver' }) }
  const ofResolver = { ...ofDns, config: await withCertificate(config, { ...ofDns, handed, opening }) }
  const petnames = await PetnameBook.open(dataDirectory)
  const allowed = await AllowedKeys.open(dataDirectory)
  const isTrusted = trusting({ publisher, petnames, allowed, names })
  const grants = await Grants.open(dataDirectory, clock)
  const update = openUpdates({ publisher, suffix, petnames, clock: machine, keyNamed: updateKeysOf(grants) })
  const rooms = { house, suffix, directory, petnames, update, isTrusted }
  const resolver = opening.use(makeResolver({ ...ofResolver, ...rooms }))
  petnames.changed = allowed.changed = () => resolver.keysChanged()
  const reload = reloading(config, { ...needs, resolver, publisher })
  const doors = opening.use(await openDoors(ofResolver, resolver.serve, handed))
  const dns = doors.endpoints.map(formatEndpoint)
  const api: Api = opening.use(
    await openApi({
      config: config.api,
      ...{ token, grants, clock: machine },
      suffix,
      ...{ publisher, petnames, allowed, directory, packets },
      resolve: resolver.ask,
      queries: resolver.log,
      metrics: metricsOf({ resolver, directory, publisher, ofProcess: opening.use(watchProcess()) }),
      reload,
      node: () => describe(directory, { suffix, dns: dns.join(','), api: api.address }),
      logger: logger.child({ room: 'api' }),
    }),
  )
  const relay = opening.use(await openRelay(relayDeps(config, { clock: machine, directory, logger })))
  const open = opening.move()
  return {
    dns,
    dnsOverTls: doors.overTls.map(formatEndpoint),
    dnsOverHttps: doors.overHttps.map(formatEndpoint),
    api: api.address,
    relay: relay.addresses,
    peerId: directory.peerId,
    addresses: directory.addresses(),
    reload,
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}

function relayDeps(
  { relay, api }: Config,
  { logger, ...parts }: Pick<RelayDeps, 'clock' | 'directory' | 'logger'>,
): RelayDeps {
  return { config: relay, limits: api, ...parts, logger: logger.child({ room: 'relay' }) }
}

function describe(
  directory: NetworkDirectory,
  { suffix, ...doors }: { suffix: Name; dns: string; api: string },
) {
  const { local, clock, label } = directory
  return {
    ...(label !== undefined && { name: `${label}.peer.${formatName(suffix).slice(0, -1)}` }),
    ...membership(directory),
    ...(local && { local: membership(local) }),
    clock: clock.state(),
    ...doors,
  }
}

function membership(of: Membership) {
  return { peerId: of.peerId, addresses: of.addresses(), reach: of.reach(), peers: of.peerCount() }
}

interface CertificateNeeds extends Omit<OwnCertificateNeeds, 'directory'>, Pick<RoomNeeds, 'handed'> {
  readonly opening: AsyncDisposableStack
}

/** With a certificate of its own making where one is needed and none is named. */
async function withCertificate(
  { dns, data }: Config,
  { handed, opening, ...needs }: CertificateNeeds,
): Promise<DnsConfig> {
  const isNeeded =
    dns.tlsListen.length + dns.httpsListen.length > 0 || handed.some(({ door }) => door !== 'dns')
  if (!isNeeded || dns.certificate !== '') return dns
  const ofOwn = { ...needs, directory: data }
  const files = await ownCertificate(ofOwn)
  opening.use(renewOwnCertificate(ofOwn))
  return { ...dns, ...files }
}
