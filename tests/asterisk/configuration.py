"""The configuration of the bed's Asterisk: which modules, which ports, and the numbers that a phone may dial.

Knows Asterisk's files; must not know processes and sockets. What may be dialled:

    app                    Answer, AudioSocket(uuid,host:port)
    app-try                the same within TryExec: the dialplan goes on whatever happens to the bot
    chan                   Dial(AudioSocket/host:port/uuid,,g): no codec option
    chan-CODEC             Dial(AudioSocket/host:port/uuid/c(CODEC),,g): slin, slin16, slin48, ulaw, ...
    answered-chan-CODEC    the same after Answer
    agi                    Answer, AGI(agi://host:port/flow): the two lines of README
    agi-unanswered         the same without Answer
    4XX                    rings the second phone, at the address that the caller brings
    web                    who calls is posted to the bot's web port, then as app; the result is asked for
    echo, milliwatt        no bot: is the bed itself sound?

SIP headers say what a call is for: X-Bed-Server, the host:port of its AudioSocket server, X-Bed-UUID, X-Bed-Agi, the
host:port and path of its FastAGI server, and X-Bed-Agent, the host:port of the second phone. So one bed serves any
number of tests, each with its own servers.
"""

from dataclasses import dataclass
from pathlib import Path

AMI_USER = AMI_SECRET = "bed"  # noqa: S105 - loopback only, so no secret at all

# Only what the numbers above need: up in a third of a second, and idle without processor time.
MODULES = """
res_timing_timerfd
res_sorcery_config res_sorcery_memory res_sorcery_astdb
res_pjproject res_pjsip res_pjsip_pubsub res_pjsip_session res_pjsip_sdp_rtp res_pjsip_caller_id
res_pjsip_authenticator_digest res_pjsip_endpoint_identifier_anonymous res_pjsip_dtmf_info
res_pjsip_header_funcs res_pjsip_rfc3326
chan_pjsip res_rtp_asterisk
res_audiosocket app_audiosocket chan_audiosocket res_speech res_agi
pbx_config app_dial app_echo app_exec app_milliwatt app_queue app_voicemail app_senddtmf app_stack app_userevent
func_callerid func_channel func_curl func_dialplan func_logic func_uri func_uuid func_version res_curl
bridge_simple res_clioriginate
codec_ulaw codec_alaw codec_a_mu codec_g722 codec_resample
""".split()

# UserEvent lines show on the AMI how far each call went: enter, then back (AudioSocket or Dial returned and the
# dialplan goes on), then gone. No back: the channel was hung up inside.
DIALPLAN = """\
[bed]
exten => app,1,Gosub(bed-sub,prepare,1)
 same => n,Answer()
 same => n,AudioSocket(${UUID},${SERVER})
 same => n,Goto(bed-back,s,1)

exten => app-try,1,Gosub(bed-sub,prepare,1)
 same => n,Answer()
 same => n,TryExec(AudioSocket(${UUID},${SERVER}))
 same => n,Goto(bed-back,s,1)

exten => chan,1,Gosub(bed-sub,prepare,1)
 same => n,Dial(AudioSocket/${SERVER}/${UUID},,g)
 same => n,Goto(bed-back,s,1)
exten => _cha[n]-.,1,Gosub(bed-sub,prepare,1)
 same => n,Dial(AudioSocket/${SERVER}/${UUID}/c(${EXTEN:5}),,g)
 same => n,Goto(bed-back,s,1)
exten => _a[n]swered-cha[n]-.,1,Gosub(bed-sub,prepare,1)
 same => n,Answer()
 same => n,Dial(AudioSocket/${SERVER}/${UUID}/c(${EXTEN:14}),,g)
 same => n,Goto(bed-back,s,1)

exten => agi,1,Gosub(bed-sub,prepare,1)
 same => n,Answer()
 same => n,AGI(agi://${AGI},bed=${UUID},desk=PJSIP/anonymous/sip:agent@${AGENT})
 same => n,Goto(bed-back,s,1)
exten => agi-unanswered,1,Gosub(bed-sub,prepare,1)
 same => n,AGI(agi://${AGI},bed=${UUID},desk=PJSIP/anonymous/sip:agent@${AGENT})
 same => n,Goto(bed-back,s,1)
exten => _4XX,1,Dial(PJSIP/anonymous/sip:agent@${AGENT})

; who calls is posted before AudioSocket(), and the result is asked for behind it, as README has it
exten => web,1,Gosub(bed-sub,prepare,1)
 same => n,Set(WEB=http://${PJSIP_HEADER(read,X-Bed-Web)}/calls/${UUID})
 same => n,Goto(bed-web,s,1)

exten => echo,1,Answer()
 same => n,Echo()
exten => milliwatt,1,Answer()
 same => n,Milliwatt()
exten => h,1,UserEvent(Bed,Step: gone,UUID: ${UUID},Cause: ${HANGUPCAUSE},DialStatus: ${DIALSTATUS},Result: ${VOICEBOT_RESULT},Code: ${VOICEBOT_CODE},Topic: ${VOICEBOT_TOPIC})

[voicebot-whisper]
exten => s,1,AudioSocket(${ARG1},${ARG2})
 same => n,Return()

[bed-web]
exten => s,1,Answer()
 same => n,Set(CURLOPT(conntimeout)=1)
 same => n,Set(CURLOPT(httptimeout)=2)
 same => n,Set(SAID=${CURL(${WEB},caller=${URIENCODE(${CALLERID(num)})}&caller_name=${URIENCODE(${CALLERID(name)})}&called=${URIENCODE(${CALLERID(dnid)})}&channel=${URIENCODE(${CHANNEL})}&channel_language=${CHANNEL(language)}&bed=${UUID})})
 same => n,AudioSocket(${UUID},${SERVER})
 same => n,Set(VOICEBOT_RESULT=${CURL(${WEB}/VOICEBOT_RESULT)})
 same => n,Set(VOICEBOT_CODE=${CURL(${WEB}/VOICEBOT_CODE)})
 same => n,UserEvent(Bed,Step: back,UUID: ${UUID},Said: ${SAID},Result: ${VOICEBOT_RESULT},Code: ${VOICEBOT_CODE},Topic: ${CURL(${WEB}/VOICEBOT_TOPIC)})
 same => n,Hangup()
exten => h,1,UserEvent(Bed,Step: gone,UUID: ${UUID},Result: ${CURL(${WEB}/VOICEBOT_RESULT)})

[bed-back]
exten => s,1,UserEvent(Bed,Step: back,UUID: ${UUID},TryStatus: ${TRYSTATUS},DialStatus: ${DIALSTATUS},AgiStatus: ${AGISTATUS},Result: ${VOICEBOT_RESULT},Code: ${VOICEBOT_CODE},Topic: ${VOICEBOT_TOPIC})
 same => n,Hangup()
exten => h,1,UserEvent(Bed,Step: gone,UUID: ${UUID},Cause: ${HANGUPCAUSE},DialStatus: ${DIALSTATUS},Result: ${VOICEBOT_RESULT})

[bed-sub]
exten => prepare,1,Set(SERVER=${PJSIP_HEADER(read,X-Bed-Server)})
 same => n,Set(UUID=${PJSIP_HEADER(read,X-Bed-UUID)})
 same => n,Set(AGI=${PJSIP_HEADER(read,X-Bed-Agi)})
 same => n,Set(__AGENT=${PJSIP_HEADER(read,X-Bed-Agent)})
 same => n,ExecIf($["${UUID}" = ""]?Set(UUID=${UUID()}))
 same => n,UserEvent(Bed,Step: enter,UUID: ${UUID},Exten: ${EXTEN})
 same => n,Return()
"""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where one bed listens, all on 127.0.0.1."""

    sip: int
    ami: int
    rtp_first: int
    rtp_last: int


def write_configuration(folder: Path, inside: str, modules_folder: str, ports: Ports) -> None:
    """Write every file that Asterisk reads into `folder`/etc and make the folders it writes to.

    Args:
        folder: The bed's own folder, as we see it.
        inside: The same folder, as Asterisk sees it in its root.
        modules_folder: Where Asterisk's modules are in its root.
        ports: All of them free.
    """
    for name in ("etc", "run", "lib", "spool", "log"):
        (folder / name).mkdir(parents=True)
    files = {
        "asterisk": _asterisk(inside, modules_folder),
        "modules": "[modules]\nautoload=no\n" + "".join(f"load={m}.so\n" for m in MODULES),
        "logger": "[general]\ndateformat=%F %T.%3q\n"
        "[logfiles]\nfull => notice,warning,error,verbose(3),dtmf\n",
        "manager": _manager(ports),
        "rtp": f"[general]\nrtpstart = {ports.rtp_first}\nrtpend = {ports.rtp_last}\nicesupport = no\n",
        "pjsip": _pjsip(ports),
        "extensions": DIALPLAN,
        "cdr": "[general]\nenable = no\n",
        "queues": "[general]\n[nobody]\njoinempty = no\n[desk]\nmember => Local/400@bed\n",
        "voicemail": "[general]\nformat = wav\n[default]\n400 => 1234,Desk\n",
        "http": "[general]\nenabled = no\n",
        "indications": "[general]\ncountry = us\n[us]\ndescription = US\nringcadence = 2000,4000\n"
        "dial = 350+440\nbusy = 480+620/500,0/500\nring = 440+480/2000,0/4000\n"
        "congestion = 480+620/250,0/250\n",
    }
    # Asterisk complains about each of these that is missing.
    files |= dict.fromkeys("cel features udptl ccss codecs cli dnsmgr".split(), "[general]\n")
    files |= dict.fromkeys("acl sorcery pjproject stasis".split(), "")
    for name, text in files.items():
        (folder / "etc" / f"{name}.conf").write_text(text)


def _asterisk(inside: str, modules_folder: str) -> str:
    return f"""\
[directories]
astetcdir => {inside}/etc
astmoddir => {modules_folder}
astvarlibdir => {inside}/lib
astdbdir => {inside}/lib
astkeydir => {inside}/lib
astdatadir => /usr/share/asterisk
astagidir => {inside}/lib
astspooldir => {inside}/spool
astrundir => {inside}/run
astlogdir => {inside}/log
[options]
verbose = 3
nocolor = yes
timestamp = yes
transmit_silence = yes
documentation_language = en_US
"""


def _manager(ports: Ports) -> str:
    return f"""\
[general]
enabled = yes
port = {ports.ami}
bindaddr = 127.0.0.1
displayconnects = no
[{AMI_USER}]
secret = {AMI_SECRET}
read = system,user
write = command,originate,call,system
writetimeout = 5000
; what README asks for, and no more
[voicebot]
secret = voicebot
write = reporting,call
"""


def _pjsip(ports: Ports) -> str:
    return f"""\
[global]
type = global
endpoint_identifier_order = anonymous
[udp]
type = transport
protocol = udp
bind = 127.0.0.1:{ports.sip}
; any caller: dials straight into the context bed
[anonymous]
type = endpoint
transport = udp
context = bed
disallow = all
allow = ulaw,alaw,g722,slin,slin12,slin16,slin24,slin32,slin44,slin48,slin96,slin192
dtmf_mode = rfc4733
direct_media = no
rtp_symmetric = yes
media_address = 127.0.0.1
bind_rtp_to_media_address = yes
"""
