#!/bin/sh
# Makes Temporal's two databases, or brings them up to the tools' version. Harmless when there is nothing to do.
set -eu
schemas=${TEMPORAL_SCHEMAS:-/etc/temporal/schema/postgresql/v12}

tool() {
  temporal-sql-tool --plugin "$SQL_PLUGIN" --ep "$SQL_HOST" -p "$SQL_PORT" -u "$SQL_USER" --db "$@"
}

prepare() { # database, folder of its versions
  # Update first: setting up an existing schema again would put its version back to 0.0.
  tool "$1" update-schema -d "$schemas/$2/versioned" && return
  tool "$1" create
  tool "$1" setup-schema -v 0.0
  tool "$1" update-schema -d "$schemas/$2/versioned"
}

prepare temporal temporal
prepare temporal_visibility visibility
