/** The log: JSON lines on stderr, since stdout belongs to what a command prints. Each room writes through a child of its own. */
import { destination, type Logger, pino } from 'pino'

const STDERR = 2

export function openLogger(level: string): Logger {
  return pino({ level, base: null }, destination({ dest: STDERR, sync: true }))
}
