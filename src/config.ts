/** Settings from everywhere to one frozen value: defaults, then a file, then the environment, then flags. Every fault at once. */
import { readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { parse as parseToml, TomlError } from 'smol-toml'
import { SETTINGS, type Setting } from './setting-names.ts'
import { type Config, SECTIONS } from './settings.ts'
import { systemReason } from './system.ts'

export type { Config } from './settings.ts'

export interface ConfigSources {
  /** Flags by name without dashes, such as `dns-listen`. */
  readonly flags: Readonly<Record<string, string>>
  readonly environment: Readonly<Record<string, string | undefined>>
}

export interface LoadedConfig {
  readonly config: Config
  /** Sentences about what was ignored. */
  readonly warnings: readonly string[]
}

/** Settings that cannot be used, each fault one sentence that names its place. */
export class ConfigFault extends Error {
  override readonly name = 'ConfigFault'
  readonly faults: readonly string[]

  constructor(faults: readonly string[]) {
    super(faults.join('\n'))
    this.faults = faults
  }
}

/** Where a value came from, for people: `dns.listen in kadns.toml`, `KADNS_DNS_LISTEN`, `--dns-listen`. */
interface Found {
  readonly place: string
  /** As it was written. */
  readonly given: unknown
  readonly read: () => unknown
}

const CONFIG_FLAG = 'config'
const CONFIG_VARIABLE = 'KADNS_CONFIG'

/** @throws ConfigFault */
export function loadConfig({ flags, environment }: ConfigSources): LoadedConfig {
  const faults: string[] = []
  const inFile = readFile({ flags, environment }, faults)
  reportUnknownFlags(flags, faults)
  const values = new Map(
    SETTINGS.map((setting) => {
      const places = [inFile.get(setting), inEnvironment(setting, environment), inFlags(setting, flags)]
      return [setting, readSetting(setting, places, faults)]
    }),
  )
  if (faults.length > 0) throw new ConfigFault(faults)
  return { config: assemble(values), warnings: unknownVariables(environment) }
}

/** `dns.listen` of each setting that has not the same value in both. */
export function changedSettings(before: Config, after: Config): string[] {
  return SETTINGS.filter(
    (setting) => !isDeepStrictEqual(valueIn(setting, before), valueIn(setting, after)),
  ).map(pathOf)
}

function valueIn({ section, key }: Setting, config: Config): unknown {
  const table: Record<string, unknown> =
    section === undefined ? config : (config[section as keyof Config] as never)
  return table[key]
}

function inFlags({ flag, option }: Setting, flags: ConfigSources['flags']): Found | undefined {
  const text = flags[flag]
  return text === undefined
    ? undefined
    : { place: `--${flag}`, given: text, read: () => option.kind.parse(text) }
}

function inEnvironment(
  { environment: name, option }: Setting,
  environment: ConfigSources['environment'],
): Found | undefined {
  const text = environment[name]
  return text === undefined ? undefined : { place: name, given: text, read: () => option.kind.parse(text) }
}

/** The last place there is wins; the others are judged all the same, so that no fault waits for the next start. */
function readSetting({ option }: Setting, places: readonly (Found | undefined)[], faults: string[]): unknown {
  let value: unknown = option.kind.parse(option.default)
  for (const found of places.filter((place) => place !== undefined)) {
    try {
      value = found.read()
    } catch (cause) {
      faults.push(`${found.place} has to be ${(cause as Error).message}, not ${show(found.given)}.`)
    }
  }
  return value
}

const LONGEST_SHOWN = 80

function show(given: unknown): string {
  const text = JSON.stringify(given) ?? String(given)
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text
}

function readFile({ flags, environment }: ConfigSources, faults: string[]): Map<Setting, Found> {
  const found = new Map<Setting, Found>()
  const file = flags[CONFIG_FLAG] ?? environment[CONFIG_VARIABLE]
  if (file === undefined) return found
  if (file === '') {
    const place = flags[CONFIG_FLAG] === undefined ? CONFIG_VARIABLE : `--${CONFIG_FLAG}`
    faults.push(`${place} has to be the name of a file, not "".`)
    return found
  }
  for (const [path, value] of leaves(readToml(file, faults))) {
    const setting = SETTINGS.find((candidate) => pathOf(candidate) === path)
    const place = `${path} in ${file}`
    if (setting) found.set(setting, { place, given: value, read: () => setting.option.kind.read(value) })
    else if (Object.hasOwn(SECTIONS, path))
      faults.push(`${place} has to be a section, [${path}], not ${show(value)}.`)
    else faults.push(`${place} is no setting; config/default.toml lists them all.`)
  }
  return found
}

function readToml(file: string, faults: string[]): Record<string, unknown> {
  try {
    return parseToml(readFileSync(file, 'utf8'))
  } catch (cause) {
    faults.push(`The configuration file ${file} cannot be read: ${reasonFor(cause)}.`)
    return {}
  }
}

function reasonFor(cause: unknown): string {
  if (cause instanceof TomlError) {
    const sentence = cause.message.replace(/^Invalid TOML document: /, '').split('\n')[0]
    return `line ${cause.line}: ${sentence}`
  }
  return systemReason(cause)
}

/** `dns.listen` or `data`, and the value there. */
function leaves(table: Record<string, unknown>): [path: string, value: unknown][] {
  return Object.entries(table).flatMap(([key, value]): [string, unknown][] =>
    Object.hasOwn(SECTIONS, key) && isTable(value)
      ? Object.entries(value).map(([inner, leaf]) => [`${key}.${inner}`, leaf])
      : [[key, value]],
  )
}

/** TOML has arrays and dates too. */
function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
}

function pathOf({ section, fileKey }: Setting): string {
  return section === undefined ? fileKey : `${section}.${fileKey}`
}

function reportUnknownFlags(flags: ConfigSources['flags'], faults: string[]): void {
  for (const flag of Object.keys(flags)) {
    if (flag !== CONFIG_FLAG && !SETTINGS.some((setting) => setting.flag === flag)) {
      faults.push(`--${flag} is no flag; kadns up --help lists them all.`)
    }
  }
}

function unknownVariables(environment: ConfigSources['environment']): string[] {
  const known = new Set([CONFIG_VARIABLE, ...SETTINGS.map((setting) => setting.environment)])
  return Object.keys(environment)
    .filter((name) => name.startsWith('KADNS_') && !known.has(name))
    .map((name) => `The environment variable ${name} is no setting and was ignored.`)
}

function assemble(values: ReadonlyMap<Setting, unknown>): Config {
  const config: Record<string, unknown> = Object.fromEntries(
    Object.keys(SECTIONS).map((section) => [section, {}]),
  )
  for (const [{ section, key }, value] of values) {
    const table = section === undefined ? config : (config[section] as Record<string, unknown>)
    table[key] = value
  }
  return freezeDeeply(config) as unknown as Config
}

function freezeDeeply(value: unknown): unknown {
  // Octets cannot be frozen.
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value
  for (const part of Object.values(value)) freezeDeeply(part)
  return Object.freeze(value)
}
