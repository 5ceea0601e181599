#!/bin/sh
# A Slurm of one node on this machine, for the tests: `sh slurm.sh start FOLDER` installs Debian's
# where it is missing and starts it, with logs and state in FOLDER; `sh slurm.sh stop FOLDER` ends it.
# No cgroups, no accounting, no systemd: works as root in a container; the node's memory is made up.
# It writes /etc/slurm/slurm.conf, and refuses a machine that has one by somebody else.
set -eu
action=$1
folder=$2
conf=/etc/slurm/slurm.conf
mark="# written by tests/cluster/slurm.sh"

ends() { # what a pid file names, and waits until it has
    pid=$(cat "$1" 2> /dev/null) || return 0
    kill "$pid" 2> /dev/null || return 0
    for _ in $(seq 100); do kill -0 "$pid" 2> /dev/null || return 0; sleep 0.1; done
    kill -9 "$pid"
}

stop() {
    scancel --user=root 2>/dev/null || true
    ends "$folder/slurmd.pid"
    ends "$folder/slurmctld.pid"
    ends "$folder/munged.pid"
}

if [ "$action" = stop ]; then stop; exit; fi

if [ -e $conf ] && ! grep -q "$mark" $conf; then
    echo "slurm.sh: this machine has a Slurm of its own ($conf)" >&2
    exit 1
fi
if ! command -v slurmctld slurmd munged sbatch squeue > /dev/null; then
    wait="-o DPkg::Lock::Timeout=300"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq $wait update
    apt-get -qq $wait install --yes --no-install-recommends slurmctld slurmd slurm-client munge
fi

mkdir -p "$folder/state" "$folder/spool" "$folder/munge"
chmod 755 "$folder"
stop
# munge insists on folders that nobody else can write
[ -s "$folder/munge/key" ] || (umask 077 && head -c 1024 /dev/urandom > "$folder/munge/key")
munged --force --key-file="$folder/munge/key" --pid-file="$folder/munged.pid" \
    --seed-file="$folder/munge/seed" --log-file="$folder/munge/log" \
    --socket="$folder/munge/socket"

node=$(hostname -s)
mkdir -p /etc/slurm
cat > $conf << END
$mark
ClusterName=test
SlurmctldHost=$node(127.0.0.1)
SlurmctldPort=26817
SlurmdPort=26818
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
ReturnToService=2
KillWait=2
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
SlurmdParameters=config_overrides
NodeName=$node NodeAddr=127.0.0.1 CPUs=$(getconf _NPROCESSORS_ONLN) RealMemory=128000 State=UNKNOWN
PartitionName=first Nodes=$node Default=YES State=UP
PartitionName=second Nodes=$node State=UP
END
slurmctld -c
slurmd
for _ in $(seq 60); do
    [ "$(sinfo --noheader --partition=first --format=%t 2> /dev/null)" = idle ] && exit
    sleep 0.5
done
echo "slurm.sh: no idle node within 30 s; see $folder/*.log" >&2
exit 1
