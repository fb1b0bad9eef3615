# shellcheck shell=bash
# A Slurm of one node on the loopback, of its own: nothing of the host's is used or changed, and it ends with the script.
# one_node_start FOLDER; afterwards sbatch and scontrol talk to it. Exit 77, with the reason, where it cannot be started.

slurm_processes=()

one_node_stop() {
    [ "${#slurm_processes[@]}" -eq 0 ] || kill "${slurm_processes[@]}" 2>/dev/null || true
    wait
}

# Not installed is an error in CI, which installs it; a kernel that does not let it run is not.
cannot() {
    echo "Slurm cannot be tried here: $1"
    [ ! -s "${2-}" ] || grep -v -i pmix "$2" | tail -n 5 | sed 's/^/    /'
    exit 77
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# answers WHAT LOG COMMAND...: within ten seconds.
answers() {
    local what=$1 log=$2
    shift 2
    for _ in $(seq 100); do
        ! "$@" >/dev/null 2>&1 || return 0
        sleep 0.1
    done
    cannot "$what does not answer" "$log"
}

node_is_idle() {
    sinfo --noheader --format=%t | grep -q -x idle
}

one_node_start() {
    local at=$1 host
    host=$(hostname -s)
    for program in munged slurmctld slurmd sbatch; do
        PATH=$PATH:/usr/sbin command -v "$program" >/dev/null || {
            [ -z "${DIRTYWALK_CI-}" ] || exit 1
            cannot "$program is not installed (setup.sh --with cluster)"
        }
    done
    [ "$(id -u)" -eq 0 ] || cannot "slurmd starts jobs for other users and wants to be root"
    PATH=$PATH:/usr/sbin
    mkdir -p "$at/state" "$at/spool"
    head -c 1024 /dev/urandom >"$at/munge.key"
    chmod 400 "$at/munge.key"
    # Kernel features (cgroups) are left out: what limits jobs is Slurm's matter, that they are asked for ours.
    cat >"$at/slurm.conf" <<END
ClusterName=dirtywalk
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
AuthType=auth/munge
AuthInfo=socket=$at/munge.socket
SlurmUser=root
SlurmctldPidFile=$at/slurmctld.pid
SlurmdPidFile=$at/slurmd.pid
StateSaveLocation=$at/state
SlurmdSpoolDir=$at/spool
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,bf_interval=1,sched_min_interval=0
MpiDefault=none
NodeName=$host NodeAddr=127.0.0.1 CPUs=8 RealMemory=8000
PartitionName=main Nodes=ALL Default=YES
END
    export SLURM_CONF=$at/slurm.conf
    trap one_node_stop EXIT
    # munged leaves the terminal by itself unless asked to stay; the others likewise.
    munged --foreground --force --key-file="$at/munge.key" --socket="$at/munge.socket" --pid-file="$at/munged.pid" \
        --seed-file="$at/munged.seed" >"$at/munged.log" 2>&1 &
    slurm_processes+=($!)
    answers munged "$at/munged.log" munge --socket="$at/munge.socket" --no-input
    slurmctld -D -c >"$at/slurmctld.log" 2>&1 &
    slurm_processes+=($!)
    slurmd -D -N "$host" >"$at/slurmd.log" 2>&1 &
    slurm_processes+=($!)
    answers slurmctld "$at/slurmctld.log" sinfo
    answers slurmd "$at/slurmd.log" node_is_idle
}
