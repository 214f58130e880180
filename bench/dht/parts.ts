/** The parts of the bench, by the names they are asked for under. */
import { benchJoin } from './join.ts'
import { benchLoad } from './load.ts'
import { benchMemory, benchSilent } from './processes.ts'
import { benchSlow } from './slow.ts'
import { benchCold, benchPublish, type SpeedOptions } from './speed.ts'
import { benchUpdate } from './update.ts'

export type PartOptions = SpeedOptions

export const PARTS = {
  cold: benchCold,
  publish: benchPublish,
  join: benchJoin,
  silent: benchSilent,
  memory: benchMemory,
  slow: benchSlow,
  update: benchUpdate,
  load: benchLoad,
}
