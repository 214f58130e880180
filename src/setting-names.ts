/** Every setting by its names: in a file, in the environment, as a flag. */
import type { Option } from './option.ts'
import { SECTIONS, TOP } from './settings.ts'

export interface Setting {
  readonly section: string | undefined
  /** camelCase, as the program has it. */
  readonly key: string
  readonly option: Option<unknown>
  /** `listen` in a section, or `log_level` at the top. */
  readonly fileKey: string
  /** KADNS_DNS_LISTEN */
  readonly environment: string
  /** dns-listen */
  readonly flag: string
}

export const SETTINGS: readonly Setting[] = [
  ...Object.entries(TOP).map(([key, entry]) => setting(undefined, key, entry)),
  ...Object.entries(SECTIONS).flatMap(([section, table]) =>
    Object.entries(table).map(([key, entry]) => setting(section, key, entry as Option<unknown>)),
  ),
]

function setting(section: string | undefined, key: string, entry: Option<unknown>): Setting {
  const fileKey = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
  const path = section === undefined ? fileKey : `${section}_${fileKey}`
  return {
    section,
    key,
    option: entry,
    fileKey,
    environment: `KADNS_${path.toUpperCase()}`,
    flag: path.replaceAll('_', '-'),
  }
}
