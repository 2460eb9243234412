// The same files in the shape of a monitoring mixin: for those who build their Grafana and Prometheus with jsonnet.
// The JSON and YAML beside it are the source; nothing is generated.
local dashboards = {
  'overview.json': import 'overview.json',
  'translation.json': import 'translation.json',
  'tenants.json': import 'tenants.json',
  'proxy.json': import 'proxy.json',
};

{
  _config+:: {
    // Put before each runbook_url, which names a file of the project: 'https://git.example.com/aether-proxy/blob/main/'.
    runbookPrefix: '',
    // Tags of every dashboard. The links between them look for the first.
    dashboardTags: ['aether', 'migration'],
  },

  local config = self._config,

  grafanaDashboards+:: {
    [name]: dashboards[name] { tags: config.dashboardTags }
    for name in std.objectFields(dashboards)
  },

  prometheusRules+:: std.parseYaml(importstr 'rules/recording.yml'),

  prometheusAlerts+:: {
    groups+: [
      group {
        rules: [
          rule { annotations+: { runbook_url: config.runbookPrefix + super.runbook_url } }
          for rule in group.rules
        ],
      }
      for group in std.parseYaml(importstr 'rules/alerts.yml').groups
    ],
  },
}
