/** A server as the README of dns2 shows it: every name has one address. Also what the others forward to. */
import dns2 from 'dns2'

const { Packet } = dns2
const server = dns2.createServer({
  udp: true,
  handle: (request, send) => {
    const response = Packet.createResponseFromRequest(request)
    const name = request.questions[0]?.name ?? ''
    const resource = new Packet.Resource(name, Packet.TYPE.A, Packet.CLASS.IN, 86_400)
    response.answers.push(Object.assign(resource, { address: '192.0.2.1' }))
    send(response)
  },
})
const { udp } = await server.listen({ udp: { port: 0, address: '127.0.0.1' } })
process.stdout.write(`${udp?.port}\n`)
