/** Where the running node is asked. */
import type { Config } from '../config.ts'

/** `http://127.0.0.1:8053` */
export function apiUrl({ api: { listen } }: Config): string {
  return `http://${urlHost(listen.host)}:${listen.port}`
}

// An address to listen on everywhere is none to connect to.
function urlHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}
