#!/usr/bin/env bash
# A SLURM cluster of this machine alone, for `make cluster-test`: slurm.sh start <folder> | slurm.sh stop <folder>
# Needs root, and Debian's packages slurmctld slurmd slurm-client munge.
set -euo pipefail
command=$1
folder=$(realpath -m "$2")
unset OMP_NUM_THREADS # nproc would count by it

start() {
	mkdir -p "$folder/state" "$folder/spool" /run/munge
	if [ ! -S "$folder/munge.socket" ]; then
		dd if=/dev/urandom of="$folder/munge.key" bs=1024 count=1 status=none
		chmod 400 "$folder/munge.key"
		munged --force --socket="$folder/munge.socket" --key-file="$folder/munge.key" \
			--pid-file="$folder/munged.pid" --log-file="$folder/munged.log" --seed-file="$folder/munge.seed"
	fi
	cat >"$folder/slurm.conf" <<-END
		ClusterName=tuneformer
		SlurmctldHost=$(hostname)(127.0.0.1)
		SlurmUser=root
		AuthInfo=socket=$folder/munge.socket
		SlurmctldPort=16817
		SlurmdPort=16818
		SlurmctldPidFile=$folder/slurmctld.pid
		SlurmdPidFile=$folder/slurmd.pid
		SlurmctldLogFile=$folder/slurmctld.log
		SlurmdLogFile=$folder/slurmd.log
		StateSaveLocation=$folder/state
		SlurmdSpoolDir=$folder/spool
		ProctrackType=proctrack/linuxproc
		TaskPlugin=task/none
		SelectType=select/cons_tres
		SelectTypeParameters=CR_Core
		ReturnToService=2
		MpiDefault=none
		GresTypes=gpu
		NodeName=$(hostname -s) NodeAddr=127.0.0.1 CPUs=$(nproc) Gres=gpu:2 State=UNKNOWN
		PartitionName=debug Nodes=ALL Default=YES MaxTime=INFINITE State=UP
	END
	# any device will do
	printf 'Name=gpu File=/dev/%s\n' null zero >"$folder/gres.conf"
	export SLURM_CONF=$folder/slurm.conf
	slurmctld
	slurmd
	for _ in $(seq 60); do
		if sinfo --noheader --format=%t 2>/dev/null | grep -q idle; then return 0; fi
		sleep 0.5
	done
	echo "the cluster does not come up: $folder/slurmctld.log, $folder/slurmd.log" >&2
	return 1
}

stop() {
	for name in slurmd slurmctld munged; do
		if [ -f "$folder/$name.pid" ]; then kill "$(cat "$folder/$name.pid")" 2>/dev/null || true; fi
	done
}

"$command"
