#!/bin/sh
# .git/hooks/pre-commit without any framework: a commit that would break an inventory is refused.
#
# What is staged is checked, not what lies in the working tree, and whatever is staged: an inventory also breaks when a file
# that it includes is changed or removed, wherever that is. Any other CI can do the same: `timefleet validate` ends with 0
# when there are no errors and with 2 when there are.
set -eu

# The inventories, as patterns of the shell. Files that others include may be among them: they are checked as parts of those.
INVENTORIES='inventories/*.y*ml'

git diff --cached --quiet && exit 0
staged=$(mktemp -d)
trap 'rm -rf "$staged"' EXIT
git checkout-index --all --prefix="$staged/"
cd "$staged"
unset GIT_DIR GIT_INDEX_FILE GIT_WORK_TREE
# Without quotes, so that the shell finds the files.
timefleet validate $INVENTORIES
