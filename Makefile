# ClueFlow 线索通. Needs Python 3.11 or later and make; scripts/bootstrap.py brings the rest.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

.PHONY: help setup demo up test lint format bench clean

help: ## 列出全部命令
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST)

setup: ## 建好运行环境
	@$(PYTHON) scripts/bootstrap.py

demo: setup ## 用真实的 Temporal 与 PostgreSQL 演一遍周庄两船案
	@exec $(BIN)/python starter.py demo $(ARGS)

up: setup ## 启动整套服务，Ctrl-C 结束
	@exec $(BIN)/python starter.py up $(ARGS)

test: ## 全部检查与测试
	@$(PYTHON) scripts/bootstrap.py --browser
	@$(MAKE) --no-print-directory check
	@exec $(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

.PHONY: check
check:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lint: setup ## 静态检查
	@$(MAKE) --no-print-directory check

format: setup ## 整理代码格式
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup ## 跑基准
	@exec $(BIN)/python -m bench $(ARGS)

clean: ## 删去环境与缓存（保留数据目录 .clueflow）
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
