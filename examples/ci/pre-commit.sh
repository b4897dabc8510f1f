#!/bin/sh
# .git/hooks/pre-commit without any framework: a commit that would break an inventory is refused.
#
# What is staged is checked, not what lies in the working tree. Any other CI can do the same: `timefleet validate` ends
# with 0 when there are no errors and with 2 when there are.
set -eu

staged=$(mktemp -d)
trap 'rm -rf "$staged"' EXIT
git diff --cached --quiet --diff-filter=d -- inventories && exit 0
git checkout-index --all --prefix="$staged/"
cd "$staged"
unset GIT_DIR GIT_INDEX_FILE GIT_WORK_TREE
timefleet validate inventories/*.yaml
