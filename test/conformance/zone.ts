/** The zone that both servers are asked for, and the questions: what a household asks, and what only programs that probe ask. */

export const ZONE = 'conf.example.'

/** Long enough for TCP. */
const LONG_TEXT = Array.from({ length: 12 }, (_, at) => `"${String.fromCharCode(97 + at).repeat(200)}"`).join(
  ' ',
)
const MANY = Array.from({ length: 60 }, (_, at) => `many 300 A 198.51.100.${at}`).join('\n')
const CHAIN = Array.from({ length: 7 }, (_, at) => `chain${at} 300 CNAME chain${at + 1}`).join('\n')
const LONG_LABEL = 'l'.repeat(63)

/** As an authority reads it. */
export const ZONE_FILE = `$ORIGIN ${ZONE}
$TTL 300
@ 3600 SOA ns.conf.example. mail.conf.example. 1 7200 3600 1209600 60
@ NS ns
@ A 192.0.2.1
@ AAAA 2001:db8::1
@ MX 10 mail
@ MX 20 mail2.example.net.
@ TXT "v=spf1 -all" "second string"
@ CAA 0 issue "ca.example.net"
ns A 192.0.2.53
mail A 192.0.2.25
mail AAAA 2001:db8::25
www A 192.0.2.80
www A 192.0.2.81
www AAAA 2001:db8::80
www HTTPS 1 . alpn=h2,h3 ipv4hint=192.0.2.80
svc SVCB 1 svc.conf.example. port=8443
alias-mode HTTPS 0 www.conf.example.
_sip._tcp SRV 10 60 5060 mail
_443._tcp.www TLSA 3 1 1 d2abde240d7cd3ee6b4b28c54df034b97983a1d16e8a410e4561cb106618e971
host SSHFP 4 2 123456789abcdef67890123456789abcdef67890123456789abcdef123456789
naptr NAPTR 100 10 "U" "E2U+sip" "!^.*$!sip:info@example.net!" .
uri URI 10 1 "https://www.example.net/"
loc LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m
rp RP mail.conf.example. info.conf.example.
hinfo HINFO "PC" "Linux"
ptr PTR www
unknown TYPE65280 \\# 4 0a000001
ds DS 60485 8 2 d4b7d520e7bb5f0f67674a0cceb1e3e0614b93c4f9e99b8383f6a1e4469da50a
alias CNAME www
alias2 CNAME alias
to-none CNAME none
to-nodata CNAME ns
to-outside CNAME www.example.net.
${CHAIN}
chain7 A 192.0.2.77
* A 192.0.2.99
*.wild TXT "wildcard"
ent.below A 192.0.2.3
dname DNAME target
x.target A 192.0.2.4
MiXeD A 192.0.2.5
${LONG_LABEL} A 192.0.2.6
_under_score A 192.0.2.7
dot\\.dot A 192.0.2.8
nul\\000nul A 192.0.2.9
\\228\\246 A 192.0.2.10
sp\\032ace A 192.0.2.11
1 A 192.0.2.12
xn--bcher-kva A 192.0.2.13
loopback-free A 203.0.113.9
text TXT ${LONG_TEXT}
empty TXT ""
octets TXT "\\000\\255\\"\\\\"
zero-ttl 0 A 192.0.2.14
${MANY}
`

/** All other names: there is nothing. */
export const ROOT_FILE = `. 86400 SOA ns.example. mail.example. 1 7200 3600 1209600 60
. 86400 NS ns.example.
www.example.net. 300 A 192.0.2.200
`

const NAMES = [
  '@ www mail svc alias-mode _sip._tcp _443._tcp.www host naptr uri loc rp hinfo ptr unknown ds alias alias2 to-none',
  'to-nodata to-outside chain0 chain6 chain7 none.sub.ns wild x.wild y.z.wild below ent.below nothing.below dname x.dname y.dname',
  `mixed MIXED ${LONG_LABEL} _under_score dot\\.dot nul\\000nul \\228\\246 sp\\032ace 1 xn--bcher-kva text empty octets zero-ttl many random7`,
].flatMap((line) => line.split(' '))
const TYPES = ['A', 'AAAA', 'TXT', 'MX', 'HTTPS', 'CNAME', 'SOA', 'TYPE65280']
const PARTICULAR = [
  '@ NS, @ CAA, @ DS, @ DNSKEY, @ NSEC, svc SVCB, _sip._tcp SRV, _443._tcp.www TLSA, host SSHFP, naptr NAPTR, uri URI, loc LOC',
  'rp RP, hinfo HINFO, ptr PTR, ds DS, dname DNAME, x.dname DNAME, alias ANY, @ ANY, none.sub.ns ANY, www RRSIG, www SPF, www NULL',
].flatMap((line) => line.split(', '))
const ELSEWHERE = [
  'localhost A, localhost AAAA, localhost MX, x.localhost A, 1.0.0.127.in-addr.arpa PTR, 1.1.168.192.in-addr.arpa PTR',
  '1.0.0.10.in-addr.arpa PTR, 1.2.0.192.in-addr.arpa PTR, x.test A, x.invalid A, x.onion A, x.home.arpa A, home.arpa SOA',
  'www.example.net A, www.example.net AAAA, example.net A, nobody A, nobody.example.com A, . SOA, . NS, . A, wpad A',
].flatMap((line) => line.split(', '))

const absolute = (name: string) => (name === '@' ? ZONE : `${name}.${ZONE}`)

/** "name TYPE", absolute. */
export const QUESTIONS: readonly string[] = [
  ...NAMES.flatMap((name) => TYPES.map((type) => `${absolute(name)} ${type}`)),
  ...PARTICULAR.map((question) => {
    const [name = '', type = ''] = question.split(' ')
    return `${absolute(name)} ${type}`
  }),
  ...ELSEWHERE.map((question) => question.replace(/^([^ ]*[^. ])(?= )/, '$1.')),
]

/** Names that a program asks for with getaddrinfo: those a host may have. */
export const HOSTS: readonly string[] = [
  'www alias alias2 chain0 mixed MIXED many to-none to-nodata none.sub.ns _under_score 1 xn--bcher-kva mail zero-ttl',
]
  .flatMap((line) => line.split(' '))
  .map((name) => absolute(name).slice(0, -1))
  .concat(['conf.example', 'localhost', 'www.example.net', 'nobody.example.com', 'x.test'])
