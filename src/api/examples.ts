/** An example for each route, as a line for a shell. In this order they tell a story, and a test runs them in it. */

const WRITE = '-H "Authorization: Bearer $TOKEN"'
const JSON_BODY = `-H 'Content-Type: application/json'`
const API = 'http://127.0.0.1:8053'

/** By method and path as OpenAPI writes them. `TOKEN` is what `kadns token` prints; `KEY` is set by the first. */
export const EXAMPLES: ReadonlyMap<string, string> = new Map([
  [
    'POST /v1/zones',
    `KEY=$(curl -s -X POST ${WRITE} ${API}/v1/zones | sed 's/.*"key":"\\([^"]*\\)".*/\\1/')`,
  ],
  [
    'PUT /v1/zones/{key}/records',
    `curl -X PUT ${WRITE} -H 'Content-Type: text/dns' --data-binary '
www 300 IN A    192.0.2.1
@   300 IN MX   10 mail
' ${API}/v1/zones/$KEY/records`,
  ],
  [
    'PUT /v1/zones/{key}/records/{name}/{type}',
    `curl -X PUT ${WRITE} ${JSON_BODY} -d '{"records":[{"ttl":60,"value":"2001:db8::25"}]}' ${API}/v1/zones/$KEY/records/mail/AAAA`,
  ],
  [
    'PATCH /v1/zones/{key}/records',
    `curl -X PATCH ${WRITE} ${JSON_BODY} -d '{"records":[{"name":"www","type":"A","value":"192.0.2.9"}],"delete":[{"name":"@","type":"MX"}]}' ${API}/v1/zones/$KEY/records`,
  ],
  [
    'DELETE /v1/zones/{key}/records/{name}/{type}',
    `curl -X DELETE ${WRITE} ${API}/v1/zones/$KEY/records/mail/AAAA`,
  ],
  ['GET /v1/zones', `curl ${API}/v1/zones`],
  ['GET /v1/zones/{key}', `curl -H 'Accept: text/dns' ${API}/v1/zones/$KEY`],
  ['GET /v1/zones/{key}/status', `curl ${API}/v1/zones/$KEY/status`],
  ['GET /v1/resolve', `curl "${API}/v1/resolve?name=www.$KEY.kad.alt&type=A"`],
  ['GET /v1/lookups/{name}', `curl -N ${API}/v1/lookups/www.$KEY.kad.alt`],
  [
    'PUT /v1/zones/{key}/packet',
    `OTHER=$(kadns keygen --out family.key)
echo 'www 300 IN A 192.0.2.2' > family.zone
kadns sign family.zone --key family.key --out family.packet
curl -X PUT ${WRITE} -H 'Content-Type: application/octet-stream' --data-binary @family.packet ${API}/v1/zones/$OTHER/packet`,
  ],
  ['GET /v1/packets', `curl ${API}/v1/packets`],
  ['DELETE /v1/zones/{key}/packet', `curl -X DELETE ${WRITE} ${API}/v1/zones/$OTHER/packet`],
  [
    'PUT /v1/petnames/{name}',
    `curl -X PUT ${WRITE} ${JSON_BODY} -d '{"key":"'$KEY'"}' ${API}/v1/petnames/myself`,
  ],
  ['GET /v1/petnames', `curl -H 'Accept: text/dns' ${API}/v1/petnames`],
  ['GET /v1/petnames/{name}', `curl ${API}/v1/petnames/myself`],
  ['DELETE /v1/petnames/{name}', `curl -X DELETE ${WRITE} ${API}/v1/petnames/myself`],
  ['PUT /v1/allowed/{key}', `curl -X PUT ${WRITE} ${API}/v1/allowed/$OTHER`],
  ['GET /v1/allowed', `curl ${API}/v1/allowed`],
  ['DELETE /v1/allowed/{key}', `curl -X DELETE ${WRITE} ${API}/v1/allowed/$OTHER`],
  [
    'POST /v1/tokens',
    `curl -X POST ${WRITE} ${JSON_BODY} -d '{"scope":{"kind":"set","zone":"'$KEY'","name":"home","types":["A","AAAA"]},"about":"router"}' ${API}/v1/tokens`,
  ],
  ['GET /v1/tokens', `curl ${WRITE} ${API}/v1/tokens`],
  [
    'DELETE /v1/tokens/{id}',
    `ID=$(curl -s ${WRITE} ${API}/v1/tokens | sed 's/.*"id":"\\([^"]*\\)".*/\\1/')
curl -X DELETE ${WRITE} ${API}/v1/tokens/$ID`,
  ],
  [
    'GET /nic/update',
    `curl -u "router:$TOKEN" "${API}/nic/update?hostname=home.$KEY.kad.alt&myip=192.0.2.7"`,
  ],
  ['DELETE /v1/zones/{key}', `curl -X DELETE ${WRITE} ${API}/v1/zones/$KEY`],
  ['GET /v1/node', `curl ${API}/v1/node`],
  ['GET /metrics', `curl ${API}/metrics`],
  ['GET /healthz', `curl ${API}/healthz`],
  ['GET /readyz', `curl ${API}/readyz`],
  ['POST /v1/reload', `curl -X POST ${WRITE} ${API}/v1/reload`],
  ['GET /v1/queries', `curl ${WRITE} "${API}/v1/queries?name=kad.alt&limit=10"`],
  ['DELETE /v1/queries', `curl -X DELETE ${WRITE} ${API}/v1/queries`],
])
