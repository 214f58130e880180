/** A listener nobody has a reason to call: it notes at which address of its machine somebody did. */
import { once } from 'node:events'
import { createServer } from 'node:net'

export class Canary {
  readonly dialled: string[] = []

  static async open(port: number): Promise<Canary> {
    const canary = new Canary()
    const server = createServer((socket) => {
      canary.dialled.push(socket.localAddress ?? '')
      socket.on('error', () => undefined)
      socket.destroy()
    })
    server.listen(port, '0.0.0.0')
    await once(server, 'listening')
    return canary
  }
}
