"""The configuration files of a private Asterisk: faxing over PJSIP on loopback, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from asterisk_ports import PortBlock
from asterisk_program import AsteriskProgram

#: Only what faxing over PJSIP needs: Asterisk is up within a second, and opens no port that we did not name.
_MODULES = (
    "res_sorcery_config",
    "res_sorcery_memory",
    "res_sorcery_astdb",
    "res_pjproject",
    "res_pjsip",
    "res_pjsip_session",
    "res_pjsip_pubsub",
    "res_pjsip_sdp_rtp",
    "res_pjsip_t38",
    "res_pjsip_caller_id",
    "res_pjsip_endpoint_identifier_ip",
    "res_pjsip_logger",
    "res_pjsip_rfc3326",
    "res_pjsip_header_funcs",
    "res_rtp_asterisk",
    "res_timing_timerfd",
    "chan_pjsip",
    "res_fax",
    "res_fax_spandsp",
    "res_speech",
    "res_agi",
    "pbx_config",
    "pbx_spool",
    "bridge_simple",
    "codec_ulaw",
    "codec_alaw",
    "app_softhangup",
    "app_stack",
    "app_verbose",
    "app_exec",
    "app_dial",
    "app_playtones",
    "app_userevent",
    "res_musiconhold",
    "func_callerid",
    "func_channel",
    "func_cut",
    "func_env",
    "func_global",
    "func_hangupcause",
    "func_logic",
    "func_math",
    "func_strings",
    "func_timeout",
    "func_uri",
)


def configuration_files(
    program: AsteriskProgram, here: Path, ports: PortBlock, *, variables: Mapping[str, str], dialplan: str
) -> Iterator[tuple[str, str]]:
    """Write name and text of each file below ``here``/etc.

    Args:
        program: whose modules and documentation are used.
        here: the private folder that everything else is kept in.
        ports: where it may listen.
        variables: the dialplan's `[globals]`.
        dialplan: the rest of extensions.conf.
    """
    yield (
        "asterisk.conf",
        f"""[directories]
astetcdir => {here}/etc
astmoddir => {program.modules}
astvarlibdir => {here}/lib
astdbdir => {here}/lib
astkeydir => {here}/lib
astdatadir => {program.data}
astagidir => {here}/lib/agi-bin
astspooldir => {here}/spool
astrundir => {here}/run
astlogdir => {here}/log
astcachedir => {here}/lib/cache
[options]
verbose = 5
documentation_language = en_US
highpriority = no
hideconnect = yes
""",
    )
    yield "modules.conf", "[modules]\nautoload=no\n" + "".join(f"load={name}.so\n" for name in _MODULES)
    yield (
        "logger.conf",
        "[general]\ndateformat=%F %T.%3q\n[logfiles]\nfull => notice,warning,error,verbose(5)\n",
    )
    yield "extensions.conf", _extensions(variables, dialplan)
    yield "pjsip.conf", _PJSIP.format(sip=ports.sip)
    yield "rtp.conf", f"[general]\nrtpstart={ports.rtp[0]}\nrtpend={ports.rtp[1]}\nicesupport=no\n"
    yield (
        "udptl.conf",
        f"[general]\nudptlstart={ports.udptl[0]}\nudptlend={ports.udptl[1]}\nudptlchecksums=yes\nudptlfecentries=3\n"
        "udptlfecspan=3\nuse_even_ports=no\n",
    )
    yield (
        "res_fax.conf",
        "[general]\nmaxrate=14400\nminrate=2400\nstatusevents=no\nmodems=v17,v27,v29\necm=yes\n",
    )
    # Without these files Asterisk logs an error for each; they say: nothing of the kind.
    for name in ("cdr", "cel"):
        yield f"{name}.conf", "[general]\nenable=no\n"
    for name in ("manager", "http"):
        yield f"{name}.conf", "[general]\nenabled=no\n"
    yield "indications.conf", "[general]\ncountry=us\n[us]\nringcadence=2000,4000\ndial=350+440\n"
    for name in ("musiconhold", "acl", "ccss", "features", "sorcery", "stasis", "pjproject", "dnsmgr"):
        yield f"{name}.conf", "; nothing\n"


def _extensions(variables: Mapping[str, str], dialplan: str) -> str:
    # Dialplan text may hold `${…}`, so it is joined, never formatted.
    settings = "".join(f"{name}={value}\n" for name, value in variables.items())
    return f"[general]\nstatic=yes\nwriteprotect=yes\n[globals]\n{settings}\n{dialplan}"


# One endpoint for each kind of line. Every call comes in by `trunk`, since calls are told apart by address
# (identify), and every call comes from here; `audio` refuses the T.38 re-INVITE of the answering side.
# Short timers: an unreachable peer is given up after 64 × T1 = 6.4 s, not 32 s (RFC 3261 section 17.1.1.2).
_PJSIP = """[global]
type=global
user_agent=private-asterisk
debug=yes
[system]
type=system
timer_t1=100
timer_b=6400
[udp]
type=transport
protocol=udp
bind=127.0.0.1:{sip}
[line](!)
type=endpoint
transport=udp
context=incoming
disallow=all
allow=ulaw,alaw
direct_media=no
trust_id_inbound=yes
[trunk](line)
aors=trunk
t38_udptl=yes
t38_udptl_ec=redundancy
t38_udptl_maxdatagram=400
[trunk]
type=aor
contact=sip:127.0.0.1:{sip}
[trunk]
type=identify
endpoint=trunk
match=127.0.0.1
[audio](line)
t38_udptl=no
"""
