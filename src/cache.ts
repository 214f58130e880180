/** A map that forgets what was used longest ago. */
import { LRUCache } from 'lru-cache'

/**
 * lru-cache, told `max`, sets room for all entries aside at once; told a size it grows as a map does. A node has some twenty
 * of these, nearly empty at home, and a testnet a hundred times as many.
 */
export function boundedCache<Value extends {}>(max: number): LRUCache<string, Value> {
  return new LRUCache<string, Value>({ maxSize: max, sizeCalculation: () => 1 })
}
