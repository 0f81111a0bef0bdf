{{/*
Refuses values that are each of the right form and contradict each other, all of them at once: the API server takes such
objects, and the pods made from them do not start or fail later.
*/}}
{{- define "certfleet.check" -}}
{{- $problems := concat
      (include "certfleet.agentProblems" . | fromYamlArray)
      (include "certfleet.dataDirectoryProblems" . | fromYamlArray) -}}
{{- if .Values.controller.enabled -}}
{{- $problems = concat $problems (include "certfleet.controllerProblems" . | fromYamlArray) -}}
{{- end -}}
{{- if $problems -}}
{{- fail (printf "values that contradict each other:\n- %s" (join "\n- " $problems)) -}}
{{- end -}}
{{- end -}}

{{/* What is wrong with the agent's values, as a YAML list. */}}
{{- define "certfleet.agentProblems" -}}
{{- $problems := include "certfleet.resourceProblems" (list "resources" .Values.resources) | fromYamlArray -}}
{{- $driver := .Values.app.driver -}}
{{- $size := include "certfleet.bytes" $driver.tmpfsSize | float64 -}}
{{- if lt $size 1048576.0 -}}
{{- $problems = append $problems (printf "app.driver.tmpfsSize: expected 1Mi or more, found %s" $driver.tmpfsSize) -}}
{{- end -}}
{{- with dig "limits" "memory" "" (.Values.resources | default dict) -}}
{{- /* 96Mi is what the process itself takes with 500 volumes, and some. */ -}}
{{- if lt (include "certfleet.bytes" . | float64) (addf $size 100663296.0) -}}
{{- $problems = append $problems (printf "resources.limits.memory: expected app.driver.tmpfsSize (%s) and 96Mi more for the process, since the files of volumes count as the agent's memory; found %s" $driver.tmpfsSize (toString .)) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.admissionPolicies.enabled (semverCompare "<1.30.0-0" .Capabilities.KubeVersion.Version) -}}
{{- $problems = append $problems (printf "admissionPolicies.enabled: expected Kubernetes 1.30 or later, which has ValidatingAdmissionPolicies; found %s" .Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{- if and .Values.metrics.enabled (eq (int .Values.metrics.port) (int .Values.app.livenessProbe.port)) -}}
{{- $problems = append $problems (printf "metrics.port and app.livenessProbe.port: expected two ports, found %d twice" (int .Values.metrics.port)) -}}
{{- end -}}
{{- $timeout := include "certfleet.seconds" $driver.issuanceTimeout | float64 -}}
{{- if or (lt $timeout 1.0) (gt $timeout 110.0) -}}
{{- $problems = append $problems (printf "app.driver.issuanceTimeout: expected 1s to 110s, since the kubelet gives up a mount after two minutes; found %s" $driver.issuanceTimeout) -}}
{{- end -}}
{{- if lt (include "certfleet.seconds" $driver.defaultDuration | float64) 1.0 -}}
{{- $problems = append $problems (printf "app.driver.defaultDuration: expected 1s or more, found %s" $driver.defaultDuration) -}}
{{- end -}}
{{- if gt (include "certfleet.seconds" $driver.gateBackoff.duration | float64) (include "certfleet.seconds" $driver.gateBackoff.cap | float64) -}}
{{- $problems = append $problems (printf "app.driver.gateBackoff.duration: expected at most gateBackoff.cap (%s), found %s" $driver.gateBackoff.cap $driver.gateBackoff.duration) -}}
{{- end -}}
{{- if lt (include "certfleet.seconds" $driver.probe.interval | float64) 10.0 -}}
{{- $problems = append $problems (printf "app.driver.probe.interval: expected 10s or more, found %s" $driver.probe.interval) -}}
{{- end -}}
{{- $monitor := .Values.metrics.podmonitor -}}
{{- if and $monitor.enabled (gt (include "certfleet.seconds" $monitor.scrapeTimeout | float64) (include "certfleet.seconds" $monitor.interval | float64)) -}}
{{- $problems = append $problems (printf "metrics.podmonitor.scrapeTimeout: expected at most the interval (%s), found %s" $monitor.interval $monitor.scrapeTimeout) -}}
{{- end -}}
{{- toYaml $problems -}}
{{- end -}}

{{/* What is wrong with the host's directories, as a YAML list: none may lie in another. */}}
{{- define "certfleet.dataDirectoryProblems" -}}
{{- $problems := list -}}
{{- $driver := .Values.app.driver -}}
{{- $kubelet := trimSuffix "/" .Values.app.kubeletRootDir -}}
{{- $data := trimSuffix "/" $driver.csiDataDir -}}
{{- range $folder := list "pods" "plugins" "plugins_registry" -}}
{{- if or (hasPrefix (printf "%s/%s/" $kubelet $folder) (printf "%s/" $data)) (hasPrefix (printf "%s/" $data) (printf "%s/" $kubelet)) -}}
{{- $problems = append $problems (printf "app.driver.csiDataDir: expected a directory outside of the kubelet's own (%s/%s) and not above it, found %s" $kubelet $folder $data) -}}
{{- end -}}
{{- end -}}
{{- toYaml $problems -}}
{{- end -}}

{{/* Requests above limits, as a YAML list. Call with (list path resources). */}}
{{- define "certfleet.resourceProblems" -}}
{{- $problems := list -}}
{{- $path := index . 0 -}}
{{- $resources := index . 1 | default dict -}}
{{- range $name, $limit := $resources.limits | default dict -}}
{{- with dig $name "" ($resources.requests | default dict) -}}
{{- if gt (include "certfleet.bytes" . | float64) (include "certfleet.bytes" $limit | float64) -}}
{{- $problems = append $problems (printf "%s.requests.%s: expected at most the limit (%s), found %s" $path $name (toString $limit) (toString .)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $problems -}}
{{- end -}}

{{/* What is wrong with the values of the controller and its Redis, as a YAML list. */}}
{{- define "certfleet.controllerProblems" -}}
{{- $controller := .Values.controller -}}
{{- $redis := $controller.redis -}}
{{- $problems := include "certfleet.resourceProblems" (list "controller.resources" $controller.resources) | fromYamlArray -}}
{{- $ports := list (int $controller.fleet.port) (int $controller.api.port) (int $controller.ops.port) -}}
{{- if lt (len (uniq $ports)) 3 -}}
{{- $problems = append $problems (printf "controller.fleet.port, controller.api.port and controller.ops.port: expected three ports, found %v" $ports) -}}
{{- end -}}
{{- with dig "limits" "memory" "" ($controller.resources | default dict) -}}
{{- if lt (include "certfleet.bytes" . | float64) 134217728.0 -}}
{{- $problems = append $problems (printf "controller.resources.limits.memory: expected 128Mi or more, which an idle replica needs; found %s" (toString .)) -}}
{{- end -}}
{{- end -}}
{{- $heartbeat := include "certfleet.seconds" $controller.heartbeatInterval | float64 -}}
{{- if or (lt $heartbeat 1.0) (gt $heartbeat 300.0) -}}
{{- $problems = append $problems (printf "controller.heartbeatInterval: expected 1s to 5m, found %s" $controller.heartbeatInterval) -}}
{{- end -}}
{{- if lt (include "certfleet.seconds" $controller.forgetNodeAfter | float64) (mulf $heartbeat 6.0) -}}
{{- $problems = append $problems (printf "controller.forgetNodeAfter: expected six heartbeats (%s) or more, since a node is silent after three; found %s" $controller.heartbeatInterval $controller.forgetNodeAfter) -}}
{{- end -}}
{{- if lt (include "certfleet.seconds" $controller.certificate.duration | float64) 3600.0 -}}
{{- $problems = append $problems (printf "controller.certificate.duration: expected 1h or more, as cert-manager does; found %s" $controller.certificate.duration) -}}
{{- end -}}
{{- $policies := list (dict "issuer" "defaults" "policy" $controller.lanePolicies.defaults) -}}
{{- range concat $policies $controller.lanePolicies.overrides -}}
{{- with .policy.backoff -}}
{{- if gt (float64 .initialMs) (float64 .maxMs) -}}
{{- $problems = append $problems (printf "controller.lanePolicies: expected backoff.initialMs of at most maxMs, found %v and %v" .initialMs .maxMs) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if $redis.install -}}
{{- $problems = concat $problems (include "certfleet.redisProblems" $redis | fromYamlArray) -}}
{{- end -}}
{{- toYaml $problems -}}
{{- end -}}

{{/* What is wrong with the values of the chart's own Redis, as a YAML list. */}}
{{- define "certfleet.redisProblems" -}}
{{- $problems := include "certfleet.resourceProblems" (list "controller.redis.resources" .resources) | fromYamlArray -}}
{{- $memory := include "certfleet.redisBytes" .maxmemory | float64 -}}
{{- if lt $memory 16777216.0 -}}
{{- $problems = append $problems (printf "controller.redis.maxmemory: expected 16mb or more, found %s" .maxmemory) -}}
{{- end -}}
{{- $limit := dig "limits" "memory" "" (.resources | default dict) -}}
{{- if $limit -}}
{{- if lt (include "certfleet.bytes" $limit | float64) (mulf $memory 1.25) -}}
{{- $problems = append $problems (printf "controller.redis.resources.limits.memory: expected a quarter more than controller.redis.maxmemory (%s), for the rewriting of the append-only file; found %s" .maxmemory (toString $limit)) -}}
{{- end -}}
{{- end -}}
{{- if lt (include "certfleet.bytes" .persistence.size | float64) (mulf $memory 2.0) -}}
{{- $problems = append $problems (printf "controller.redis.persistence.size: expected twice controller.redis.maxmemory (%s) or more, for the append-only file and its rewriting; found %s" .maxmemory .persistence.size) -}}
{{- end -}}
{{- toYaml $problems -}}
{{- end -}}
